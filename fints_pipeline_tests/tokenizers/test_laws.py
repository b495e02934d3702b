"""What the grammar promises of every implementation: its six properties."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer, State
from fints_pipeline_tests.tokenizers.bars import MODES, PRICES, mirror, spoil, walk, walks

SWAPS = {
    "up": "down", "bull": "bear", "HH": "LL", "EH": "EL", "LH": "HL", "H1": "L1", "H2": "L2",
    "H3": "L3", "sigL": "sigS", "pdh": "pdl", "orh": "orl",
}  # fmt: skip
BOTH_WAYS = SWAPS | {there: here for here, there in SWAPS.items()}


def mirrored_value(value: str) -> str:
    if value in BOTH_WAYS:
        return BOTH_WAYS[value]
    for up, down in (("bull_", "bear_"), ("up_", "dn_")):
        for here, there in ((up, down), (down, up)):
            if value.startswith(here):
                return there + value.removeprefix(here)
    for here, there in (("_up", "_dn"), ("_dn", "_up")):
        if value.endswith(here):
            return value.removesuffix(here) + there
    return value


MIRROR = [
    np.array([values.index(mirrored_value(value)) for value in values])
    for values in FIELDS.values()
]


def encode(bars: pd.DataFrame, mode: str) -> np.ndarray:
    return BrooksTokenizer(tick=1.0, session_mode=mode).encode(bars)


modes = st.sampled_from(MODES)


@given(walks(), modes, st.data())
@settings(max_examples=50)
def test_prefix(bars: pd.DataFrame, mode: str, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, len(bars)))
    assert np.array_equal(encode(bars.iloc[:n], mode), encode(bars, mode)[:n])


@given(walks(), modes, st.integers(1, 12), st.integers(-5_000, 10_000))
@settings(max_examples=50)
def test_scale_by_powers_of_two_and_shift(
    bars: pd.DataFrame, mode: str, power: int, shift: int
) -> None:
    expected = encode(bars, mode)
    scaled, shifted = bars.copy(), bars.copy()
    scaled[PRICES] *= 2.0**power
    shifted[PRICES] += shift
    assert np.array_equal(encode(scaled, mode), expected)
    assert np.array_equal(encode(shifted, mode), expected)


@given(walks(), modes)
@settings(max_examples=80)
def test_mirror(bars: pd.DataFrame, mode: str) -> None:
    tokens, turned = encode(bars, mode), encode(mirror(bars), mode)
    for column, table in enumerate(MIRROR):
        assert np.array_equal(table[tokens[:, column]], turned[:, column]), list(FIELDS)[column]


def test_the_mirror_swaps_most_values() -> None:
    """The law would be empty if the map were the identity."""
    swapped = sum(int((table != np.arange(len(table))).sum()) for table in MIRROR)
    total = sum(len(values) for values in FIELDS.values())
    assert (swapped, total) == (52, 91)


@given(walks(clean=True, min_size=2), modes, st.integers(0, 2**32 - 1))
@settings(max_examples=50)
def test_inserted_bad_and_filled_bars_change_no_other(
    bars: pd.DataFrame, mode: str, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    places = np.sort(rng.integers(0, len(bars), rng.integers(1, 40)))
    rows = np.sort(np.concatenate([np.arange(len(bars)), places]), kind="stable")
    inserted = np.concatenate([[False], rows[1:] == rows[:-1]])
    longer = bars.iloc[rows].reset_index(drop=True)
    longer["session"] += np.where(inserted, rng.integers(0, 2, len(rows)), 0)
    bad = inserted & (rng.random(len(rows)) < 0.5)
    longer["is_filled"] = inserted & ~bad | bad & (rng.random(len(rows)) < 0.5)
    spoil(longer, np.flatnonzero(bad), rng)
    tokens = encode(longer, mode)
    assert np.array_equal(tokens[~inserted], encode(bars, mode))
    assert (tokens[bad] == 0).all()
    filled = tokens[inserted & ~bad]
    bar = list(FIELDS).index("bar")
    assert (filled[:, bar] == FIELDS["bar"].index("flat")).all()
    assert (np.delete(filled, bar, axis=1) == 0).all()


@given(walks(), modes, st.lists(st.integers(0, 260), max_size=6))
@settings(max_examples=50)
def test_chunks_with_the_saved_state_equal_one_pass(
    bars: pd.DataFrame, mode: str, cuts: list[int]
) -> None:
    edges = [0, *sorted(min(cut, len(bars)) for cut in cuts), len(bars)]
    saved, parts = None, []
    for start, stop in pairwise(edges):
        tokenizer = BrooksTokenizer(tick=1.0, session_mode=mode)
        if saved is not None:
            tokenizer.state = State.from_text(saved)
        parts.append(tokenizer.encode(bars.iloc[start:stop]))
        saved = tokenizer.state.to_text()
    whole = BrooksTokenizer(tick=1.0, session_mode=mode)
    assert np.array_equal(np.concatenate(parts), whole.encode(bars))
    assert saved == whole.state.to_text()


@given(walks(max_size=150), modes)
@settings(max_examples=30)
def test_one_bar_at_a_time_equals_the_batch(bars: pd.DataFrame, mode: str) -> None:
    streaming = BrooksTokenizer(tick=1.0, session_mode=mode)
    rows = [streaming.update(bar) for bar in bars.to_dict("records")]
    batch = BrooksTokenizer(tick=1.0, session_mode=mode)
    expected = batch.encode(bars)
    assert np.array_equal(np.array(rows), expected)
    assert streaming.state == batch.state
    plain = BrooksTokenizer(tick=1.0, session_mode=mode)
    columns = bars[[*PRICES, "session", "is_filled"]]
    rows = [plain.update_row(*row) for row in columns.itertuples(index=False)]
    assert np.array_equal(np.array(rows), expected)
    assert plain.state == batch.state


def test_a_cold_start_differs_so_the_state_matters() -> None:
    bars = walk(400, seed=1)
    assert not np.array_equal(encode(bars, "reset")[200:], encode(bars.iloc[200:], "reset"))


@pytest.mark.parametrize("mode", MODES)
def test_input_comes_out_unchanged(mode: str) -> None:
    bars = walk(200, seed=2, bad=0.05, filled=0.05)
    before = bars.copy()
    encode(bars, mode)
    pd.testing.assert_frame_equal(bars, before)


@pytest.mark.shared_data
def test_laws_on_a_real_month(shared_data) -> None:
    path = shared_data / "binance" / "BTCUSDT-1m-2023-03.zip"
    bars = pd.read_csv(path, header=None, usecols=range(5), names=["time", *PRICES])
    bars["session"] = bars.pop("time") // 86_400_000
    whole = BrooksTokenizer(tick=0.01).encode(bars)
    for cut in (1, 21, 41, 1_441, 30_001):
        tokenizer = BrooksTokenizer(tick=0.01)
        head = tokenizer.encode(bars.iloc[:cut])
        assert np.array_equal(head, whole[:cut])
        tail = np.array(
            [tokenizer.update(bar) for bar in bars.iloc[cut:].head(500).to_dict("records")]
        )
        assert np.array_equal(tail, whole[cut : cut + 500])
        tokenizer.state = tokenizer.state
        assert np.array_equal(tokenizer.encode(bars.iloc[cut + 500 :]), whole[cut + 500 :])
    turned = BrooksTokenizer(tick=0.01).encode(mirror(bars, 60_000.0))
    for column, table in enumerate(MIRROR):
        assert np.array_equal(table[whole[:, column]], turned[:, column])
