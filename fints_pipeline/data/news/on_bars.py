"""Counts and leaning of the news that came out since the bar before."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.series import check_one_series

COLUMNS = ("news_count", "news_positive", "news_negative", "news_leaning")
_NO_LAG = timedelta(0)


def per_bar(bars: pd.DataFrame, items: pd.DataFrame, lag: timedelta = _NO_LAG) -> pd.DataFrame:
    """Return, for each bar, what was published after the bar before it and by its own close.

    Causal: row t uses items with ``known_at + lag <= close_time`` of bar t. What comes out while
    the market is closed belongs to the first bar after it. The first row of ``bars`` counts from
    its own ``open_time``, so a caller that goes month by month passes one bar more.

    Args:
        bars: One instrument's bars, ascending.
        items: Rows of the table ``news`` about it, in any order.
        lag: Time that passes between publication and use.

    Returns:
        A frame with the index of ``bars`` and float64 columns: ``news_count`` (items),
        ``news_positive`` and ``news_negative`` (words), and ``news_leaning`` in [-1, 1], 0 without
        a leaning word.

    Raises:
        SchemaError: the bars are not one series, or ``lag`` is negative.
    """
    check_one_series(bars)
    if lag < _NO_LAG:
        raise SchemaError(f"a lag of {lag} would look ahead", fix="give 0 or more")
    ordered = items.sort_values("known_at", kind="stable")
    known = _microseconds(ordered["known_at"]) + lag // timedelta(microseconds=1)
    edges = _edges(bars)
    until = np.searchsorted(known, edges, side="right")
    counts = {"news_count": np.ones(len(known))}
    for name in ("positive", "negative"):
        counts[f"news_{name}"] = ordered[name].to_numpy(np.float64)
    made = {name: np.diff(_running(values)[until]) for name, values in counts.items()}
    both = made["news_positive"] + made["news_negative"]
    difference = made["news_positive"] - made["news_negative"]
    made["news_leaning"] = np.divide(difference, both, out=np.zeros(len(both)), where=both > 0)
    return pd.DataFrame(made, index=bars.index, columns=list(COLUMNS))


def _edges(bars: pd.DataFrame) -> npt.NDArray[np.int64]:
    """Return the bars' closes with the first bar's open before them."""
    stamps = [_microseconds(bars["open_time"].iloc[:1]), _microseconds(bars["close_time"])]
    return np.concatenate(stamps)


def _running(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.concatenate([[0.0], np.cumsum(values)])


def _microseconds(stamps: pd.Series) -> npt.NDArray[np.int64]:
    return stamps.astype("datetime64[us, UTC]").to_numpy("datetime64[us]").astype(np.int64)
