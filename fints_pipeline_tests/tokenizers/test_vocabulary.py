"""Composites, vocabularies fitted on one span, and the Hugging Face export."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import ConfigError, FormatError, KeyNotFoundError, LookAheadError
from fints_pipeline.tokenizers import composite
from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer, Parameters
from fints_pipeline.tokenizers.config import CORE5
from fints_pipeline.tokenizers.export import save_hf, to_words
from fints_pipeline.tokenizers.vocabulary import SPECIALS, UNK, Vocabulary
from fints_pipeline_tests.tokenizers.bars import walk

SIZES = [len(values) for values in FIELDS.values()]
rows = st.tuples(*(st.integers(0, size - 1) for size in SIZES))


@pytest.fixture(scope="module")
def tokens() -> np.ndarray:
    return BrooksTokenizer(tick=1.0).encode(walk(3_000, 0, trending=True))


@pytest.fixture(scope="module")
def times() -> pd.DatetimeIndex:
    return pd.date_range("2024-01-01 00:05", periods=3_000, freq="5min", tz="UTC")


@given(st.lists(rows, min_size=1, max_size=20), st.permutations(list(FIELDS)), st.integers(1, 10))
def test_composites_are_mixed_radix_numbers_that_read_back(picked, names, count) -> None:
    fields = tuple(names[:count])
    table = np.array(picked, dtype=np.int8)
    ids = composite.composite_ids(table, fields)
    assert ids.dtype == np.int64
    for row, number in zip(picked, ids.tolist(), strict=True):
        values = tuple(FIELDS[name][row[list(FIELDS).index(name)]] for name in fields)
        expected = 0
        for name, value in zip(fields, values, strict=True):
            expected = expected * len(FIELDS[name]) + FIELDS[name].index(value)
        assert number == expected
        assert composite.field_values(number, fields) == values
        assert composite.from_word(composite.to_word(number, fields), fields) == number
        assert composite.from_text(composite.to_text(number, fields), fields) == number


def test_the_largest_composite_needs_more_than_32_bits() -> None:
    top = np.array([[size - 1 for size in SIZES]], dtype=np.int8)
    assert composite.composite_ids(top, tuple(FIELDS)).item() == 2_504_409_599


def test_text_reads_as_documented() -> None:
    text = "[trend=up, bar=bull_long, swing=HL, context=range, event=none]"
    number = composite.from_text(text, CORE5)
    assert composite.to_text(number, CORE5) == text
    assert composite.to_word(number, CORE5) == "up|bull_long|HL|range|none"


@pytest.mark.parametrize(
    "text",
    ["", "[]", "trend=up", "[trend=up]", "[trend=sideways, bar=doji]", "[bar=doji, trend=up]"],
)
def test_text_that_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        composite.from_text(text, ("trend", "bar"))


def test_unknown_fields_are_named() -> None:
    with pytest.raises(KeyNotFoundError, match="trend"):
        composite.radices(("tred",))


def test_ids_go_by_falling_count_then_composite(tokens, times) -> None:
    vocabulary = Vocabulary.fit(tokens, times, times[-1])
    ids = composite.composite_ids(tokens, CORE5)
    counts = pd.Series(ids).value_counts()
    expected = sorted(((-n, c) for c, n in counts.items() if n >= 2))
    assert vocabulary.composites == tuple(c for _, c in expected)
    assert vocabulary.counts == tuple(-n for n, _ in expected)
    assert vocabulary.words()[:5] == SPECIALS == ("<pad>", "<unk>", "<mask>", "<cls>", "<sep>")
    assert len(vocabulary) == 5 + len(expected)


def test_encoding_finds_what_was_seen_often_enough(tokens, times) -> None:
    vocabulary = Vocabulary.fit(tokens[:1500], times[:1500], times[1499])
    flat = vocabulary.encode(tokens)
    assert flat.dtype == np.int64
    for composite_id, flat_id in zip(composite.composite_ids(tokens, CORE5), flat, strict=True):
        known = composite_id in vocabulary.composites
        expected = 5 + vocabulary.composites.index(composite_id) if known else UNK
        assert flat_id == expected
    assert 0 < (flat == UNK).mean() < 0.6


def test_rows_after_the_fitting_span_are_refused(tokens, times) -> None:
    with pytest.raises(LookAheadError, match=r"2 rows close after .*\n.*row 2998"):
        Vocabulary.fit(tokens, times, times[-3])
    Vocabulary.fit(tokens, times.tz_localize(None), times[-1].tz_localize(None))


def test_later_bars_do_not_change_a_vocabulary(tokens, times) -> None:
    shocked = tokens.copy()
    shocked[1500:] = 0
    until = times[1499]
    seen = times <= until
    assert Vocabulary.fit(tokens[seen], times[seen], until) == Vocabulary.fit(
        shocked[seen], times[seen], until
    )


def test_a_span_of_rare_tokens_leaves_the_specials(tokens, times) -> None:
    vocabulary = Vocabulary.fit(tokens[:1], times[:1], times[0])
    assert len(vocabulary) == 5
    assert (vocabulary.encode(tokens) == UNK).all()


def test_text_of_an_id_round_trips(tokens, times) -> None:
    vocabulary = Vocabulary.fit(tokens, times, times[-1])
    for token_id in range(len(vocabulary)):
        assert vocabulary.id_of(vocabulary.text(token_id)) == token_id
    unseen = "[trend=na, bar=bull_long, swing=HH, context=tight, event=gap_up]"
    assert vocabulary.id_of(unseen) == UNK
    with pytest.raises(FormatError):
        vocabulary.text(len(vocabulary))


def test_saving_and_loading(tokens, times, tmp_path) -> None:
    parameters = Parameters(long_atr=1.7)
    vocabulary = Vocabulary.fit(
        tokens, times, times[-1], fields=("bar", "combo"), min_freq=3, parameters=parameters
    )
    vocabulary.save(tmp_path)
    assert Vocabulary.load(tmp_path) == vocabulary
    assert Vocabulary.load(tmp_path / "vocabulary.json") == vocabulary
    content = json.loads((tmp_path / "vocabulary.json").read_text())
    assert content["fit_until"] == times[-1].isoformat()
    assert content["parameters"]["long_atr"] == 1.7
    assert content["grammar"] == BrooksTokenizer(tick=1.0, parameters=parameters).grammar
    with pytest.raises(ConfigError, match="the vocabulary is of grammar"):
        Vocabulary.load(tmp_path, BrooksTokenizer(tick=1.0).grammar)


def test_files_that_are_no_vocabulary_are_refused(tokens, times, tmp_path) -> None:
    with pytest.raises(FormatError, match="no vocabulary"):
        Vocabulary.load(tmp_path)
    (tmp_path / "vocabulary.json").write_text("[]")
    with pytest.raises(FormatError, match="not a vocabulary"):
        Vocabulary.load(tmp_path)
    Vocabulary.fit(tokens, times, times[-1]).save(tmp_path)
    content = json.loads((tmp_path / "vocabulary.json").read_text())
    content["parameters"]["long_atr"] = 9.0
    (tmp_path / "vocabulary.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError):
        Vocabulary.load(tmp_path)


@pytest.mark.filterwarnings("ignore")
def test_auto_tokenizer_loads_the_export(tokens, times, tmp_path) -> None:
    transformers = pytest.importorskip("transformers")
    vocabulary = Vocabulary.fit(tokens[:2000], times[:2000], times[1999])
    save_hf(vocabulary, tmp_path)
    loaded = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    assert len(loaded) == len(vocabulary)
    ids = loaded(to_words(tokens, CORE5))["input_ids"]
    assert ids[0] == 3
    assert ids[-1] == 4
    assert ids[1:-1] == vocabulary.encode(tokens).tolist()
    assert loaded.convert_ids_to_tokens(list(range(len(vocabulary)))) == list(vocabulary.words())
    assert [loaded.pad_token_id, loaded.unk_token_id, loaded.mask_token_id] == [0, 1, 2]
    pair = loaded("up|doji|HL|range|none", "<mask>")
    assert pair["input_ids"][-2:] == [2, 4]


def test_the_export_is_the_same_every_time(tokens, times, tmp_path) -> None:
    vocabulary = Vocabulary.fit(tokens, times, times[-1])
    for name in ("a", "b"):
        save_hf(vocabulary, tmp_path / name)
    for file in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
