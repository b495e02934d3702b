"""The six properties on whole files of real one-minute bars."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from benchmarks.tokens import markets
from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer, State
from fints_pipeline_tests.tokenizers.bars import PRICES, mirror, spoil
from fints_pipeline_tests.tokenizers.test_laws import MIRROR

MARKETS = ["SPY", "BTCUSDT", "EURUSD"]
pytestmark = [pytest.mark.slow, pytest.mark.shared_data]


@pytest.fixture(scope="module", params=MARKETS)
def market(request, shared_data):
    """Bars in whole ticks with a session number, the mode, and their tokens."""
    for name, bars, tick, mode in markets(shared_data):
        if name == request.param:
            frame = np.rint(bars[PRICES].reset_index(drop=True) / tick)
            frame["session"] = pd.factorize(bars["session"])[0].astype(np.int64)
            return frame, mode, BrooksTokenizer(1.0, mode).encode(frame)
    pytest.skip(f"no bars of {request.param} in {shared_data}")


def encode(bars: pd.DataFrame, mode: str) -> np.ndarray:
    return BrooksTokenizer(1.0, mode).encode(bars)


def test_prefixes_at_a_sample_of_cuts(market) -> None:
    bars, mode, whole = market
    cuts = np.random.default_rng(0).integers(1, len(bars), 20).tolist()
    for n in (1, 2, 20, 21, 40, 41, *cuts):
        assert np.array_equal(encode(bars.iloc[:n], mode), whole[:n]), n


def test_chunks_with_the_saved_state(market) -> None:
    bars, mode, whole = market
    cuts = np.random.default_rng(1).integers(1, len(bars), 60).tolist()
    saved, parts = None, []
    for start, stop in pairwise([0, *sorted(cuts), len(bars)]):
        tokenizer = BrooksTokenizer(1.0, mode)
        if saved is not None:
            tokenizer.state = State.from_bytes(saved)
        parts.append(tokenizer.encode(bars.iloc[start:stop]))
        saved = tokenizer.state.to_bytes()
    assert np.array_equal(np.concatenate(parts), whole)


def test_every_bar_streamed(market) -> None:
    bars, mode, whole = market
    tokenizer = BrooksTokenizer(1.0, mode)
    rows = zip(*(bars[name].tolist() for name in [*PRICES, "session"]), strict=True)
    assert np.array_equal(np.array([tokenizer.update_row(*row) for row in rows]), whole)


def test_scale_shift_and_mirror(market) -> None:
    bars, mode, whole = market
    for factor, shift in ((2.0, 0.0), (1024.0, 0.0), (1.0, 12_345.0)):
        moved = bars.assign(**{name: bars[name] * factor + shift for name in PRICES})
        assert np.array_equal(encode(moved, mode), whole)
    turned = encode(mirror(bars, 10_000_000.0), mode)
    for column, table in enumerate(MIRROR):
        assert np.array_equal(table[whole[:, column]], turned[:, column]), list(FIELDS)[column]


def test_inserted_bad_and_filled_bars(market) -> None:
    bars, mode, whole = market
    rng = np.random.default_rng(2)
    rows = np.sort(np.concatenate([np.arange(len(bars)), rng.integers(0, len(bars), 3_000)]))
    inserted = np.concatenate([[False], rows[1:] == rows[:-1]])
    longer = bars.iloc[rows].reset_index(drop=True)
    bad = inserted & (rng.random(len(rows)) < 0.5)
    longer["is_filled"] = inserted & ~bad
    spoil(longer, np.flatnonzero(bad)[:500], rng)
    longer.loc[np.flatnonzero(bad)[500:], "high"] = np.nan
    tokens = encode(longer, mode)
    assert np.array_equal(tokens[~inserted], whole)
    assert (tokens[bad] == 0).all()
