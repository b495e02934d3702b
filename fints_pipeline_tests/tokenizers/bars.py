"""Bars on whole ticks that reach every rule: ties, flats, runs, gaps, dead, bad and filled bars."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import strategies as st

PRICES = ["open", "high", "low", "close"]
MIRRORED = {"open": "open", "high": "low", "low": "high", "close": "close"}
MODES = ["reset", "continuous"]


def walk(
    n: int,
    seed: int,
    *,
    step: int = 8,
    wick: int = 4,
    session: int = 30,
    gaps: float = 0.05,
    trending: bool = False,
    dead: bool = False,
    bad: float = 0.0,
    filled: float = 0.0,
) -> pd.DataFrame:
    """A random walk in ticks, as float prices with tick 1."""
    rng = np.random.default_rng(seed)
    body = rng.integers(-step, step + 1, n)
    if trending:
        body += np.repeat(rng.integers(-step, step + 1, n // 12 + 1), 12)[:n]
    gap = np.where(rng.random(n) < gaps, rng.integers(-3 * step, 3 * step + 1, n), 0)
    close = 5_000 + np.cumsum(body + gap)
    opened = close - body
    high = np.maximum(opened, close) + rng.integers(0, wick + 1, n)
    low = np.minimum(opened, close) - rng.integers(0, wick + 1, n)
    table = np.column_stack([opened, high, low, close]).astype(float)
    if dead:
        start = int(rng.integers(0, n))
        table[start : start + int(rng.integers(18, 32))] = table[start, 3]
    bars = pd.DataFrame(table, columns=PRICES)
    bars["session"] = np.cumsum(rng.random(n) < 1 / session)
    bars["is_filled"] = rng.random(n) < filled
    spoil(bars, np.flatnonzero(rng.random(n) < bad), rng)
    return bars


def spoil(bars: pd.DataFrame, rows: np.ndarray, rng: np.random.Generator) -> None:
    """Make rows bad in place: not finite, a high below the body, a low above it."""
    for row in rows:
        kind = rng.integers(0, 4)
        if kind < 2:
            bars.loc[row, PRICES[rng.integers(0, 4)]] = [np.nan, np.inf][kind]
        elif kind == 2:
            bars.loc[row, "high"] = bars.loc[row, ["open", "close"]].max() - 1
        else:
            bars.loc[row, "low"] = bars.loc[row, ["open", "close"]].min() + 1


@st.composite
def walks(draw: st.DrawFn, min_size: int = 1, max_size: int = 260, clean: bool = False):
    """Frames of `walk` over its whole range of arguments."""
    rate = st.just(0.0) if clean else st.sampled_from([0.0, 0.03, 0.3])
    return walk(
        draw(st.integers(min_size, max_size)),
        draw(st.integers(0, 2**32 - 1)),
        step=draw(st.sampled_from([1, 2, 5, 30])),
        wick=draw(st.sampled_from([0, 1, 3, 20])),
        session=draw(st.sampled_from([1, 4, 9, 30, 1000])),
        gaps=draw(st.sampled_from([0.0, 0.05, 0.5])),
        trending=draw(st.booleans()),
        dead=draw(st.booleans()),
        bad=draw(rate),
        filled=draw(rate),
    )


def mirror(bars: pd.DataFrame, around: float = 20_000.0) -> pd.DataFrame:
    """Prices turned upside down: (O, H, L, C) becomes (K-O, K-L, K-H, K-C)."""
    turned = bars.copy()
    for name, source in MIRRORED.items():
        turned[name] = around - bars[source]
    return turned
