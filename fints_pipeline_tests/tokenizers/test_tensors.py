"""The exports that other programs read."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from safetensors.numpy import load_file

from fints_pipeline.base.errors import FormatError
from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer
from fints_pipeline.tokenizers.composite import composite_ids
from fints_pipeline.tokenizers.tensors import save_arrow, save_safetensors, token_tensors
from fints_pipeline.tokenizers.vocabulary import CLS, SEP, Vocabulary
from fints_pipeline_tests.tokenizers.bars import walk

N = 300
TIMES = pd.date_range("2024-01-01 00:05", periods=N, freq="5min", tz="UTC")
META = {"grammar": "g"}


@pytest.fixture(scope="module")
def tokens() -> np.ndarray:
    return BrooksTokenizer(tick=1.0).encode(walk(N, 0))


def test_positions_lead_to_bars(tokens) -> None:
    vocabulary = Vocabulary.fit(tokens[:200], TIMES[:200], TIMES[199], fields=("trend", "bar"))
    made = token_tensors(tokens, TIMES, vocabulary)
    assert made["factorised"].dtype == np.int8
    assert made["factorised"].shape == (N, 10)
    assert made["composite"].dtype == made["input_ids"].dtype == np.int64
    assert np.array_equal(made["composite"], composite_ids(tokens, ("trend", "bar")))
    assert made["input_ids"][[0, -1]].tolist() == [CLS, SEP]
    assert np.array_equal(made["input_ids"][1:-1], vocabulary.encode(tokens))
    assert made["bar_time"][[0, -1]].tolist() == [-1, -1]
    stamps = pd.to_datetime(made["bar_time"][1:-1], unit="us", utc=True)
    assert (stamps == TIMES).all()


def test_without_a_vocabulary_all_ten_fields_make_the_composite(tokens) -> None:
    made = token_tensors(tokens, TIMES)
    assert set(made) == {"factorised", "composite", "close_time"}
    assert np.array_equal(made["composite"], composite_ids(tokens, tuple(FIELDS)))
    with pytest.raises(FormatError, match="close times"):
        token_tensors(tokens, TIMES[1:])


@pytest.mark.parametrize("fitted", [True, False])
def test_both_files_read_back(tokens, tmp_path, fitted: bool) -> None:
    vocabulary = Vocabulary.fit(tokens, TIMES, TIMES[-1]) if fitted else None
    made = token_tensors(tokens, TIMES, vocabulary)
    save_safetensors(tmp_path / "t.safetensors", made, META)
    loaded = load_file(tmp_path / "t.safetensors")
    assert loaded.keys() == made.keys()
    assert all(np.array_equal(loaded[name], made[name]) for name in made)
    save_arrow(tmp_path / "t.arrow", made, META)
    with pa.memory_map(str(tmp_path / "t.arrow")) as source:
        table = pa.ipc.open_file(source).read_all()
    assert table.schema.metadata == {b"grammar": b"g"}
    assert table.num_rows == N + 2 * fitted
    bars = table.slice(1, N) if fitted else table
    for column, name in enumerate(FIELDS):
        assert np.array_equal(bars[name], tokens[:, column])
    if fitted:
        assert table["bar_time"][0].as_py() == table["trend"][-1].as_py() == -1
