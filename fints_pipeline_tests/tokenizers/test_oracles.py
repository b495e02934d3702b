"""Parts of the grammar against libraries that define the same thing on their own."""

import numpy as np
import pandas as pd
import pytest
from scipy.signal import argrelextrema

from fints_pipeline.tokenizers.brooks import FIELDS, BrooksTokenizer, Parameters
from fints_pipeline.tokenizers.brooks.state import MASK
from fints_pipeline_tests.peers import run_peer
from fints_pipeline_tests.tokenizers.bars import PRICES, walk

OHLC = "*(given[name] for name in ('open', 'high', 'low', 'close'))"
CUTS = range(50, 400, 7)


def columns(bars: pd.DataFrame) -> dict[str, np.ndarray]:
    return {name: bars[name].to_numpy(float) for name in PRICES}


def streamed(bars: pd.DataFrame, parameters: Parameters | None = None):
    """Yield the tokenizer's memory after every bar."""
    tokenizer = BrooksTokenizer(1.0, "continuous", parameters)
    for o, h, low, c in bars[PRICES].itertuples(index=False):
        tokenizer.update_row(o, h, low, c, 0)
        yield tokenizer._record[0]


def alternating(highs: np.ndarray, lows: np.ndarray, bars: pd.DataFrame) -> list[tuple[int, int]]:
    """Pivots as the page stores them where no leg is too small: (bar, side), in order."""
    stored: list[tuple[int, int]] = []
    price = (bars["high"].to_numpy(), -bars["low"].to_numpy())
    for p, side in sorted([*((p, 0) for p in highs), *((p, 1) for p in lows)]):
        last = stored[-1] if stored else None
        if last is None or last[1] != side or price[side][p] > price[side][last[0]]:
            stored.append((p, side))
    return stored


def test_pivots_are_scipy_s_relative_extrema_where_there_are_no_ties() -> None:
    rng = np.random.default_rng(1)
    bars = walk(1_500, 1, step=400, wick=150)
    bars["high"] = bars["high"] * 4096 + rng.permutation(1_500)
    bars["low"] = bars["low"] * 4096 - rng.permutation(1_500)
    bars[["open", "close"]] *= 4096
    high, low = bars["high"].to_numpy(), bars["low"].to_numpy()
    highs = argrelextrema(high, np.greater, order=3)[0]
    lows = argrelextrema(low, np.less, order=3)[0]
    assert not set(highs) & set(lows)  # a bar that is both has an order of its own on the page
    known = [pivots[(pivots >= 17) & (pivots + 3 < len(bars))] for pivots in (highs, lows)]
    found = [
        (t - 3, side)
        for t, s in enumerate(streamed(bars, Parameters(swing_leg_atr=0.0)))
        for side in range(2)
        if s["swing_stored"][side]
    ]
    assert found == alternating(*known, bars)
    assert len(found) > 200


def test_e_is_pandas_exponential_mean() -> None:
    bars = walk(800, 2)
    got = [float(s["origin"] + s["ema"]) for s in streamed(bars)]
    expected = bars["close"].ewm(span=20, adjust=False).mean()
    np.testing.assert_allclose(got, expected, rtol=1e-13)


@pytest.mark.slow
def test_true_range_is_ta_lib_s(tmp_path) -> None:
    bars = walk(800, 3)
    code = "import talib; made['tr'] = talib.TRANGE(given['high'], given['low'], given['close'])"
    expected = run_peer(code, tmp_path, **columns(bars))["tr"]
    made = [(int(s["true_range"][t & MASK]), float(s["atr"])) for t, s in enumerate(streamed(bars))]
    got, atr = map(np.array, zip(*made, strict=True))
    assert np.array_equal(got[1:], expected[1:])
    mean = pd.Series(got).rolling(20).mean().shift(1).to_numpy()
    np.testing.assert_allclose(atr[20:], mean[20:], rtol=1e-14)


@pytest.mark.slow
def test_dojis_are_ta_lib_s_with_the_grammar_s_parameters(tmp_path) -> None:
    """TA-Lib's doji: a body of at most a share of a mean range; here a quarter of the bar's own."""
    bars = walk(4_000, 4)
    code = f"""
import talib
body_doji, high_low = 3, 1  # of the C library's enumerations
talib._ta_lib._ta_set_candle_settings(body_doji, high_low, 0, 0.25)
made['doji'] = talib.CDLDOJI({OHLC})
"""
    expected = run_peer(code, tmp_path, **columns(bars))["doji"] == 100
    bar = list(FIELDS).index("bar")
    # A tail of the whole bar leaves few reversals, which win over dojis; a bar without range is
    # flat here and a doji there.
    tokens = BrooksTokenizer(1.0, "continuous", Parameters(reversal_tail=1.0)).encode(bars)
    names = np.array(FIELDS["bar"])[tokens[:, bar]]
    settled = ~np.isin(names, ["flat", "na", "bull_rev", "bear_rev"])
    assert np.array_equal(names[settled] == "doji", expected[settled])
    assert expected[~settled][20:].all()
    assert 500 < expected[settled].sum() < 3_000


@pytest.mark.slow
def test_ta_lib_s_hikkake_stands_on_a_strict_inside_bar(tmp_path) -> None:
    bars = walk(4_000, 5)
    code = f"import talib; made['hikkake'] = talib.CDLHIKKAKE({OHLC})"
    hikkake = run_peer(code, tmp_path, **columns(bars))["hikkake"]
    at = np.flatnonzero(np.abs(hikkake) == 100)
    assert len(at) > 50
    high, low = bars["high"].to_numpy(), bars["low"].to_numpy()
    assert (high[at - 1] < high[at - 2]).all()
    assert (low[at - 1] > low[at - 2]).all()
    tokens = BrooksTokenizer(1.0, "continuous").encode(bars)
    combo = tokens[:, list(FIELDS).index("combo")]
    inside = [FIELDS["combo"].index(value) for value in ("inside", "ii", "iii", "ioi")]
    assert np.isin(combo[at - 1], inside).all()


def repaints(whole: np.ndarray, prefixes: dict[int, np.ndarray]) -> bool:
    """The prefix law: whether any prefix's rows differ from the whole's."""
    return any(
        not np.array_equal(part, whole[:n], equal_nan=part.dtype.kind == "f")
        for n, part in prefixes.items()
    )


@pytest.mark.slow
def test_the_prefix_law_catches_a_library_that_repaints(tmp_path) -> None:
    """Swings of smartmoneyconcepts look ahead; if this test saw nothing there, it saw nothing."""
    bars = walk(400, 6)
    code = f"""
import pandas as pd
from smartmoneyconcepts import smc
bars = pd.DataFrame({{k: given[k] for k in ('open', 'high', 'low', 'close')}}).assign(volume=1.0)
for n in (*{tuple(CUTS)}, len(bars)):
    swings = smc.swing_highs_lows(bars.iloc[:n].copy(), swing_length=3)
    made[str(n)] = swings['HighLow'].to_numpy(float)
"""
    theirs = run_peer(code, tmp_path, **columns(bars))
    assert repaints(theirs["400"], {n: theirs[str(n)] for n in CUTS})
    whole = BrooksTokenizer(1.0).encode(bars)
    assert not repaints(whole, {n: BrooksTokenizer(1.0).encode(bars.iloc[:n]) for n in CUTS})
