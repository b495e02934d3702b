"""The tokenizer's face: ticks, columns, states, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import ConfigError, FormatError
from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer, Parameters, State
from fints_pipeline.tokenizers.brooks.compiled import sources_digest
from fints_pipeline.tokenizers.brooks.kernel import new_record
from fints_pipeline.tokenizers.ticks import check_grid, infer_tick, off_grid
from fints_pipeline_tests.strategies import random_bars
from fints_pipeline_tests.tokenizers.bars import PRICES, walk


def test_fields_are_the_grammar_s_in_its_order() -> None:
    sizes = {name: len(values) for name, values in FIELDS.items()}
    assert list(sizes.items()) == [
        ("trend", 4), ("context", 7), ("bar", 11), ("combo", 11), ("swing", 7),
        ("pullback", 10), ("entry", 10), ("breakout", 8), ("magnet", 11), ("event", 12),
    ]  # fmt: skip
    assert all(values[0] == "na" for values in FIELDS.values())
    assert np.prod(list(sizes.values()), dtype=np.int64) == 2_504_409_600


def test_tokens_are_int8_rows_of_ten() -> None:
    tokens = BrooksTokenizer(tick=1.0).encode(walk(50, 0))
    assert tokens.dtype == np.int8
    assert tokens.shape == (50, 10)
    assert BrooksTokenizer(tick=1.0).encode(walk(50, 0).iloc[:0]).shape == (0, 10)


@pytest.mark.parametrize(
    "session",
    [
        lambda s: s,
        lambda s: pd.Timestamp("2024-01-01") + pd.to_timedelta(s, unit="D"),
        lambda s: (pd.Timestamp("2024-01-01") + pd.to_timedelta(s, unit="D")).dt.date,
        lambda s: (pd.Timestamp("2024-01-01") + pd.to_timedelta(s, unit="D")).dt.strftime("%F"),
        lambda s: pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(s, unit="D"),
    ],
)
def test_sessions_may_be_integers_or_any_spelling_of_dates(session) -> None:
    bars = walk(200, 3, session=20)
    expected = BrooksTokenizer(tick=1.0, session_mode="reset").encode(bars)
    bars["session"] = session(bars["session"])
    tokenizer = BrooksTokenizer(tick=1.0, session_mode="reset")
    assert np.array_equal(tokenizer.encode(bars), expected)
    streaming = BrooksTokenizer(tick=1.0, session_mode="reset")
    rows = [streaming.update(bar) for _, bar in bars.iterrows()]
    assert np.array_equal(np.array(rows), expected)
    assert streaming.state == tokenizer.state


def test_a_null_flag_is_no_filled_bar() -> None:
    bars = walk(60, 4)
    bars["is_filled"] = [True, None, False, np.nan] * 15
    flags = bars["is_filled"].map(lambda flag: flag is True)
    expected = BrooksTokenizer(tick=1.0).encode(bars.assign(is_filled=flags))
    for dtype in (object, "boolean"):
        tokenizer = BrooksTokenizer(tick=1.0)
        assert np.array_equal(tokenizer.encode(bars.astype({"is_filled": dtype})), expected)
    streaming = BrooksTokenizer(tick=1.0)
    rows = [streaming.update(bar) for bar in bars.to_dict("records")]
    assert np.array_equal(np.array(rows), expected)


def test_prices_are_split_adjusted() -> None:
    bars = random_bars(400, seed=5, splits=0.4)
    assert bars["split_factor"].nunique() > 1
    adjusted = bars.copy()
    adjusted[PRICES] = bars[PRICES].mul(bars["split_factor"], axis=0)
    plain = BrooksTokenizer(tick=0.01).encode(adjusted.drop(columns="split_factor"))
    assert np.array_equal(BrooksTokenizer(tick=0.01).encode(bars), plain)
    streaming = BrooksTokenizer(tick=0.01)
    rows = [streaming.update(bar) for bar in bars.to_dict("records")]
    assert np.array_equal(np.array(rows), plain)


def test_prices_are_rounded_to_a_given_tick() -> None:
    bars = walk(200, 6)
    noisy = bars.copy()
    noisy[PRICES] += np.random.default_rng(0).uniform(-0.4, 0.4, (200, 4))
    assert np.array_equal(
        BrooksTokenizer(tick=1.0).encode(noisy), BrooksTokenizer(tick=1.0).encode(bars)
    )


@pytest.mark.parametrize(
    ("prices", "tick"),
    [
        ([100.0, 101.0], 1.0),
        ([100.25, 100.5], 0.01),
        ([1.12345, 1.2], 1e-5),
        ([np.nan, 2.5], 0.1),
        ([3e-7, 0.0], 1e-7),
    ],
)
def test_a_tick_is_inferred_as_a_power_of_ten(prices: list[float], tick: float) -> None:
    assert infer_tick(np.array(prices)) == tick


def test_an_inferred_tick_holds_for_later_frames() -> None:
    bars = walk(120, 7)
    tokenizer = BrooksTokenizer()
    head = tokenizer.encode(bars.iloc[:60])
    assert tokenizer.tick == 1.0
    expected = BrooksTokenizer(tick=1.0).encode(bars)
    assert np.array_equal(np.concatenate([head, tokenizer.encode(bars.iloc[60:])]), expected)
    off = bars.iloc[60:].reset_index(drop=True)
    off.loc[3, "high"] += 0.5
    before = tokenizer.state
    with pytest.raises(FormatError, match=r"high = [0-9.]+ is not a multiple .*\n.*row 3"):
        tokenizer.encode(off)
    assert tokenizer.state == before


def test_what_cannot_be_inferred_is_said() -> None:
    with pytest.raises(FormatError, match="no tick fits"):
        infer_tick(np.array([np.pi * 1e-9]))
    with pytest.raises(FormatError, match="no finite price"):
        infer_tick(np.array([np.nan]))
    with pytest.raises(FormatError, match="one bar"):
        BrooksTokenizer().update(walk(1, 0).iloc[0])


def test_grid_tolerance_is_a_millionth_of_a_tick() -> None:
    prices = np.array([[100.01, 100.02 + 0.9e-8, 100.02 + 1.1e-8, np.nan]])
    assert off_grid(prices, 0.01).tolist() == [[False, False, True, False]]
    with pytest.raises(FormatError, match="c = "):
        check_grid(prices, 0.01, ("a", "b", "c", "d"))


def test_a_state_goes_through_bytes_and_text() -> None:
    tokenizer = BrooksTokenizer(tick=0.5, session_mode="reset")
    tokenizer.encode(walk(300, 8))
    state = tokenizer.state
    assert State.from_bytes(state.to_bytes()) == state
    assert State.from_text(state.to_text()) == state
    again = BrooksTokenizer(tick=0.5, session_mode="reset")
    again.encode(walk(300, 8))
    assert again.state.to_bytes() == state.to_bytes()


@pytest.mark.parametrize(
    "other",
    [
        BrooksTokenizer(tick=0.25, session_mode="reset"),
        BrooksTokenizer(tick=0.5, session_mode="continuous"),
        BrooksTokenizer(tick=0.5, session_mode="reset", parameters=Parameters(long_atr=1.6)),
    ],
)
def test_a_state_of_another_tokenizer_is_refused(other: BrooksTokenizer) -> None:
    state = BrooksTokenizer(tick=0.5, session_mode="reset").state
    with pytest.raises(ConfigError, match="the state was made with"):
        other.state = state


@pytest.mark.parametrize("content", [b"", b"{}\n", b"nonsense", b"\xff\xfe"])
def test_bytes_that_are_no_state_are_refused(content: bytes) -> None:
    with pytest.raises(FormatError):
        State.from_bytes(content)
    good = BrooksTokenizer(tick=1.0).state.to_bytes()
    with pytest.raises(FormatError, match="bytes, expected"):
        State.from_bytes(good[:-8])


def test_wrong_arguments_and_columns_are_named() -> None:
    with pytest.raises(ConfigError, match="session_mode 'rest'"):
        BrooksTokenizer(tick=1.0, session_mode="rest")
    with pytest.raises(ConfigError, match="positive"):
        BrooksTokenizer(tick=0.0)
    bars = walk(10, 0)
    with pytest.raises(FormatError, match="no column high"):
        BrooksTokenizer(tick=1.0).encode(bars.drop(columns="high"))
    with pytest.raises(FormatError, match="no column session"):
        BrooksTokenizer(tick=1.0).encode(bars.drop(columns="session"))
    with pytest.raises(FormatError, match="session"):
        BrooksTokenizer(tick=1.0).encode(bars.assign(session="monday"))
    with pytest.raises(FormatError, match="not numeric"):
        BrooksTokenizer(tick=1.0).encode(bars.assign(open="a"))
    with pytest.raises(FormatError, match="no 'open'"):
        BrooksTokenizer(tick=1.0).update({"session": 1})
    for session in (pd.NaT, "monday", None, 1.5):
        with pytest.raises(FormatError, match="neither a date nor an integer"):
            BrooksTokenizer(tick=1.0).update({**bars.iloc[0], "session": session})


def test_prices_too_many_ticks_from_zero_are_refused_and_leave_the_state() -> None:
    bars = walk(50, 9)
    bars.loc[20, PRICES] = 1e17
    tokenizer = BrooksTokenizer(tick=1.0)
    before = tokenizer.state
    with pytest.raises(FormatError, match=r"2\^52 ticks.*\n.*row 20"):
        tokenizer.encode(bars)
    assert tokenizer.state == before


def test_parameters_name_the_grammar_and_move_its_thresholds() -> None:
    bars = walk(300, 10)
    plain = BrooksTokenizer(tick=1.0)
    other = BrooksTokenizer(tick=1.0, parameters=Parameters(doji_body=0.5))
    assert plain.grammar != other.grammar
    assert plain.grammar == BrooksTokenizer(tick=9.0, session_mode="reset").grammar
    bar, doji = list(FIELDS).index("bar"), FIELDS["bar"].index("doji")
    assert (other.encode(bars)[:, bar] == doji).sum() > (plain.encode(bars)[:, bar] == doji).sum()


def test_round_magnets_are_off_until_given_a_step() -> None:
    bars = walk(600, 11, wick=0)
    magnet, code = list(FIELDS).index("magnet"), FIELDS["magnet"].index("round")
    assert (BrooksTokenizer(tick=1.0).encode(bars)[:, magnet] != code).all()
    parameters = Parameters(round_step_ticks=25)
    tokens = BrooksTokenizer(tick=1.0, parameters=parameters).encode(bars)
    near = (bars["close"] % 25).pipe(lambda over: np.minimum(over, 25 - over))
    assert (tokens[:, magnet] == code).any()
    assert near[tokens[:, magnet] == code].max() <= 3


@pytest.mark.parametrize(
    "wrong",
    [{"warmup": 10}, {"atr_window": 5, "ema_span": 5}, {"box_age": 30}, {"atr_window": 61}],
)
def test_parameters_that_do_not_fit_together_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"must not|less than or equal"):
        Parameters(**wrong)


def test_a_new_record_is_the_same_every_time() -> None:
    assert new_record(True).tobytes() == new_record(True).tobytes()
    assert new_record(True).tobytes() != new_record(False).tobytes()


def test_the_machine_code_s_key_follows_every_source_file(monkeypatch, tmp_path) -> None:
    from fints_pipeline.tokenizers.brooks import compiled

    (tmp_path / "bar.py").write_text("a = 1")
    monkeypatch.setattr(compiled, "__file__", str(tmp_path / "compiled.py"))
    before = sources_digest()
    (tmp_path / "bar.py").write_text("a = 2")
    assert sources_digest() != before
