"""Bars for tests: a plain generator and the Hypothesis strategies built on it.

`random_bars` walks on integer ticks, so that every raw price is an exact multiple of the tick, and
brings the things that break code: half-days, missing and filled bars, zero ranges, ties, overnight
gaps, splits and volumes that are not there.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from hypothesis import strategies as st

Volume = Literal["full", "some", "none"]
Ints = npt.NDArray[np.int64]

SPLIT_RATIOS = (2.0, 5.0, 0.1)
"""Their product is 1, so that a long history's prices stay where they are."""
FIRST_SESSION = np.datetime64("2024-01-02", "D")
RESET_OPEN_MINUTE = 14 * 60 + 30
PRICE_FLOOR_TICKS = 60


def random_bars(
    n: int,
    seed: int = 0,
    *,
    sessions: int = 12,
    continuous: bool = False,
    minutes: int = 5,
    tick: float = 0.01,
    start_ticks: int = 10_000,
    missing: float = 0.02,
    filled: float = 0.05,
    zero_range: float = 0.05,
    splits: float = 0.0,
    suspect: float = 0.02,
    stale_opens: float = 0.02,
    volume: Volume = "full",
    instrument: str = "test.AAA",
) -> pd.DataFrame:
    """Draw `n` bars of a random walk on integer ticks, in BarsSchema's columns.

    Args:
        n: number of rows, at least 1.
        seed: the same seed and arguments give the same frame.
        sessions: bars a full session has (one in five is a half-day); ignored when `continuous`.
        continuous: round the clock with sessions that are UTC days, instead of weekday sessions
            that open at 14:30 UTC.
        minutes: length of a bar.
        tick: price step; every raw price is `tick` times an integer.
        start_ticks: the walk's first price in ticks.
        missing: share of the scheduled bars that have no row at all.
        filled: share of the rows that are filled (all four prices at the close before, volume 0).
        zero_range: share of the rows that traded at one price.
        splits: chance that a session begins with a split (2:1, 5:1 or a 1:10 reverse split).
        suspect: share of the rows that are suspect.
        stale_opens: share of the rows, besides the filled ones, that nobody traded at the open of.
        volume: "full"; "some" (a tenth null); "none" (all null).
        instrument: value of the `instrument` column.

    Returns:
        frame of `n` rows, ascending `open_time`, with a fresh RangeIndex.
    """
    rng = np.random.default_rng(seed)
    # Flags draw from a source of their own, so that prices do not depend on them.
    flags = np.random.default_rng([seed, 1])
    clock = _clock(n, rng, sessions, continuous, minutes, missing)
    starts = np.r_[True, clock["session"].to_numpy()[1:] != clock["session"].to_numpy()[:-1]]
    ratios = np.ones(n)
    split_here = starts & (rng.random(n) < splits)
    split_here[0] = False
    rounds = [rng.permutation(SPLIT_RATIOS) for _ in range(1 + int(split_here.sum()) // 3)]
    ratios[split_here] = np.concatenate(rounds)[: int(split_here.sum())]
    is_filled = rng.random(n) < filled
    # A bar is filled from the close before it, which a first bar or an ex-date does not have.
    is_filled &= ~starts
    ticks = _walk(n, rng, starts, ratios, is_filled, zero_range, start_ticks)
    frame = clock.assign(
        instrument=instrument,
        **{name: ticks[:, i] * tick for i, name in enumerate(("open", "high", "low", "close"))},
        volume=_volume(rng, is_filled, volume),
        split_factor=np.cumprod(ratios),
        is_filled=is_filled,
        is_partial=False,
        is_halted=False,
        is_suspect=flags.random(n) < suspect,
        is_extended=False,
        opens_filled=is_filled | (flags.random(n) < stale_opens),
        partial_so_far=flags.random(n) < missing,
    )
    return frame[list(BAR_COLUMNS)]


BAR_COLUMNS = (
    "instrument",
    "open_time",
    "close_time",
    "session",
    "session_open",
    "session_close",
    "open",
    "high",
    "low",
    "close",
    "volume",
    "split_factor",
    "is_filled",
    "is_partial",
    "is_halted",
    "is_suspect",
    "is_extended",
    "opens_filled",
    "partial_so_far",
)


def _clock(
    n: int,
    rng: np.random.Generator,
    per_session: int,
    continuous: bool,
    minutes: int,
    missing: float,
) -> pd.DataFrame:
    """Times and sessions of the first `n` scheduled bars that are not missing."""
    step = np.timedelta64(minutes, "m")
    opened, days, opens, closes = [], [], [], []
    day: np.datetime64 = FIRST_SESSION
    count = 0
    while count < n:
        start, bars = _schedule(day, rng, per_session, continuous, minutes)
        present = rng.random(bars) >= missing
        # Recordings seldom begin with a session: the first one is entered anywhere.
        present[: rng.integers(0, bars) if count == 0 else 0] = False
        slots = np.flatnonzero(present)
        opened.append(start + slots * step)
        days.append(np.full(slots.size, day))
        opens.append(np.full(slots.size, start))
        closes.append(np.full(slots.size, start + bars * step))
        count += slots.size
        day = day + 1 if continuous else np.busday_offset(day, 1)
    open_time = np.concatenate(opened)[:n]
    return pd.DataFrame(
        {
            "open_time": _utc(open_time),
            "close_time": _utc(open_time + step),
            "session": np.concatenate(days)[:n].astype("datetime64[us]"),
            "session_open": _utc(np.concatenate(opens)[:n]),
            "session_close": _utc(np.concatenate(closes)[:n]),
        }
    )


def _schedule(
    day: np.datetime64,
    rng: np.random.Generator,
    per_session: int,
    continuous: bool,
    minutes: int,
) -> tuple[np.datetime64, int]:
    """When the session of `day` opens, and how many bars it is scheduled to have."""
    midnight = day.astype("datetime64[m]")
    if continuous:
        return midnight, 24 * 60 // minutes
    half_day = rng.random() < 0.2
    bars = max(1, per_session // 2) if half_day else per_session
    return midnight + np.timedelta64(RESET_OPEN_MINUTE, "m"), bars


def _utc(times: npt.NDArray[np.datetime64]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times.astype("datetime64[us]"), tz="UTC")


def _walk(
    n: int,
    rng: np.random.Generator,
    starts: npt.NDArray[np.bool_],
    ratios: npt.NDArray[np.float64],
    is_filled: npt.NDArray[np.bool_],
    zero_range: float,
    start_ticks: int,
) -> Ints:
    """Open, high, low and close in ticks, shape (n, 4)."""
    gaps = np.where(starts, rng.integers(-40, 41, n), rng.integers(-1, 2, n)).tolist()
    steps = rng.integers(-12, 13, n).tolist()
    above, below = rng.integers(0, 6, (2, n)).tolist()
    flat = (rng.random(n) < zero_range).tolist()
    out = np.empty((n, 4), dtype=np.int64)
    close = start_ticks
    for t in range(n):
        if is_filled[t]:
            out[t] = close
            continue
        open_ = max(PRICE_FLOOR_TICKS, round(close / ratios[t]) + gaps[t])
        close = open_ if flat[t] else max(PRICE_FLOOR_TICKS, open_ + steps[t])
        reach = (0, 0) if flat[t] else (above[t], below[t])
        out[t] = open_, max(open_, close) + reach[0], min(open_, close) - reach[1], close
    return out


def _volume(
    rng: np.random.Generator, is_filled: npt.NDArray[np.bool_], kind: Volume
) -> npt.NDArray[np.float64]:
    n = is_filled.size
    drawn = np.where(is_filled, 0.0, np.round(rng.gamma(2.0, 500.0, n), 1))
    gone = np.full(n, kind == "none") | ((kind == "some") & (rng.random(n) < 0.1))
    return np.where(gone, np.nan, drawn)


@st.composite
def bars_frames(
    draw: st.DrawFn, min_size: int = 1, max_size: int = 80, *, minutes: int = 5
) -> pd.DataFrame:
    """Frames of `random_bars` with everything that can go wrong turned up or down."""
    rates = st.sampled_from([0.0, 0.05, 0.4])
    return random_bars(
        draw(st.integers(min_size, max_size)),
        draw(st.integers(0, 2**32 - 1)),
        sessions=draw(st.integers(1, 30)),
        continuous=draw(st.booleans()),
        minutes=minutes,
        tick=draw(st.sampled_from([0.01, 0.25, 1e-05])),
        missing=draw(rates),
        filled=draw(rates),
        zero_range=draw(rates),
        splits=draw(rates),
        volume=draw(st.sampled_from(["full", "some", "none"])),
    )
