"""Bars written down by hand, for tests with known answers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fints_pipeline_tests.strategies import BAR_COLUMNS

Row = tuple[float, float, float, float]


def hand_bars(
    rows: Sequence[Row],
    *,
    sessions: Sequence[str] | None = None,
    volume: Sequence[float] | None = None,
    split_factor: Sequence[float] | None = None,
    filled: Sequence[int] = (),
    stale_opens: Sequence[int] = (),
) -> pd.DataFrame:
    """Return 5-minute bars of (open, high, low, close) rows in BarsSchema's columns.

    Args:
        rows: raw prices.
        sessions: date of each row; one session on 2024-03-04, a Monday, by default. Sessions open
            at 14:30 UTC, close at 21:00 UTC, and each one's bars follow each other from the open.
        volume: 100 each by default.
        split_factor: 1 each by default.
        filled: indices of the rows that are filled.
        stale_opens: indices of the other rows that nobody traded at the open of.
    """
    count = len(rows)
    dates = pd.to_datetime(list(sessions or ["2024-03-04"] * count))
    days = pd.Series(dates).astype("datetime64[us]")
    opens = days.dt.tz_localize("UTC") + pd.Timedelta("14h30m")
    open_time = opens + pd.to_timedelta(days.groupby(days).cumcount() * 5, unit="min")
    prices = np.array(rows, dtype=np.float64).reshape(count, 4)
    return pd.DataFrame(
        {
            "instrument": "test.AAA",
            "open_time": open_time.astype("datetime64[us, UTC]"),
            "close_time": (open_time + pd.Timedelta("5m")).astype("datetime64[us, UTC]"),
            "session": days,
            "session_open": opens.astype("datetime64[us, UTC]"),
            "session_close": (opens + pd.Timedelta("6h30m")).astype("datetime64[us, UTC]"),
            **dict(zip(("open", "high", "low", "close"), prices.T, strict=True)),
            "volume": np.array(volume or [100.0] * count, dtype=np.float64),
            "split_factor": np.array(split_factor or [1.0] * count, dtype=np.float64),
            "is_filled": np.isin(np.arange(count), list(filled)),
            "is_partial": False,
            "is_halted": False,
            "is_suspect": False,
            "is_extended": False,
            "opens_filled": np.isin(np.arange(count), [*filled, *stale_opens]),
            "partial_so_far": False,
        }
    )[list(BAR_COLUMNS)]


def opens(*prices: float) -> list[Row]:
    """Return rows that stay at their open."""
    return [(price, price, price, price) for price in prices]
