"""Counts and leaning of the news that came out since the bar before."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.series import check_one_series
from fints_pipeline.schemas.news_bars import COUNTS, KNOWN

COLUMNS = (KNOWN, *COUNTS)
_NO_LAG = timedelta(0)


def per_bar(
    bars: pd.DataFrame,
    items: pd.DataFrame,
    lag: timedelta = _NO_LAG,
    max_age: timedelta | None = None,
) -> pd.DataFrame:
    """Return, for each bar, what was published after the bar before it and by its own close.

    Causal: row t uses items with ``known_at + lag <= close_time`` of bar t. What comes out while
    the market is closed belongs to the first bar after it. The first row of ``bars`` counts from
    its own ``open_time``, so a caller that goes month by month passes one bar more.

    A bar before the source's first item, and one whose last item is older than ``max_age``, has
    null in every column: that a source says nothing is known only while it speaks.

    Args:
        bars: One instrument's bars, ascending.
        items: Rows of the table ``news`` about it, in any order.
        lag: Time that passes between publication and use.
        max_age: How long after its last item a source is taken to have nothing to say; None for
            ever.

    Returns:
        A frame with the index of ``bars``: ``known_at``, when the last item known by the close came
        out, and float64 columns ``count`` (items), ``positive`` and ``negative`` (words), and
        ``leaning`` in [-1, 1], 0 without a leaning word.

    Raises:
        SchemaError: the bars are not one series, or ``lag`` is negative.
    """
    check_one_series(bars)
    if lag < _NO_LAG:
        raise SchemaError(f"a lag of {lag} would look ahead", fix="give 0 or more")
    ordered = items.sort_values("known_at", kind="stable")
    known = _microseconds(ordered["known_at"])
    edges = _edges(bars)
    until = np.searchsorted(known + _count(lag), edges, side="right")
    last = until[1:] - 1
    heard = last >= 0
    if max_age is not None and len(known):
        heard &= edges[1:] - known[np.where(heard, last, 0)] <= _count(max_age)
    counted = {"count": np.ones(len(known))}
    for name in ("positive", "negative"):
        counted[name] = ordered[name].to_numpy(np.float64)
    made = {name: np.diff(_running(values)[until]) for name, values in counted.items()}
    both = made["positive"] + made["negative"]
    difference = made["positive"] - made["negative"]
    made["leaning"] = np.divide(difference, both, out=np.zeros(len(both)), where=both > 0)
    stamps = np.full(len(heard), np.datetime64("NaT", "us"))
    stamps[heard] = known[last[heard]].astype("datetime64[us]")
    known_at = pd.Series(stamps, index=bars.index).dt.tz_localize("UTC")
    columns = {name: np.where(heard, values, np.nan) for name, values in made.items()}
    return pd.DataFrame({KNOWN: known_at, **columns}, index=bars.index, columns=list(COLUMNS))


def _edges(bars: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the bars' closes with the first bar's open before them."""
    stamps = [_microseconds(bars["open_time"].iloc[:1]), _microseconds(bars["close_time"])]
    return np.concatenate(stamps)


def _running(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(values)])


def _count(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def _microseconds(stamps: pd.Series) -> npt.NDArray[np.int64]:
    return stamps.astype("datetime64[us, UTC]").to_numpy("datetime64[us]").astype(np.int64)
