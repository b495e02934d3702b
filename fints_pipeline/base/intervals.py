"""How much intervals overlap: samples that share bars share information."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
TimeArray = npt.NDArray[np.datetime64]


def average_uniqueness(open_time: TimeArray, start: TimeArray, end: TimeArray) -> FloatArray:
    """Return how much of each interval is its own: the mean of 1 / (intervals open at a bar).

    An interval holds the bars that open from its start on and before its end. In (0, 1], 1 for one
    that meets no other, about 1/h for intervals of h bars that begin at every bar. Only the
    intervals that are passed count, so pass those of one training span: nothing of another's
    enters. An interval without a bar is unique.

    Args:
        open_time: (T,) of the bars, ascending.
        start: (N,) start of each interval, such as a label's close_time.
        end: (N,) its end, such as a label's t1; NaT where there is none.

    Returns:
        (N,) without unit, NaN where the end is NaT.

    Source: López de Prado, Advances in Financial Machine Learning (2018), 4.2–4.3.
    """
    known = ~np.isnat(end)
    first = np.searchsorted(open_time, start[known])
    stop = np.maximum(first, np.searchsorted(open_time, end[known]))
    change = np.zeros(open_time.size + 1, dtype=np.int64)
    np.add.at(change, first, 1)
    np.add.at(change, stop, -1)
    open_intervals = np.cumsum(change[:-1])
    share = np.zeros(open_time.size + 1)
    np.cumsum(1.0 / np.maximum(open_intervals, 1), out=share[1:])
    bars = stop - first
    unique = np.where(bars > 0, (share[stop] - share[first]) / np.maximum(bars, 1), 1.0)
    out = np.full(end.size, np.nan)
    out[known] = unique
    return out
