"""Stretches of a session in which nothing traded: halts, outages, late opens."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.data.calendars import Segments, Stamps
from fints_pipeline.data.rows import Rows

MINUTE = np.timedelta64(1, "m")
SHOWN = 5


@dataclass(frozen=True)
class Halts:
    """What the quality report says of them.

    Attributes:
        count: How many.
        minutes: How long, together.
        longest: The longest few in words, longest first; times are UTC.
    """

    count: int
    minutes: int
    longest: tuple[str, ...]


def halts(rows: Rows, segments: Segments, until: np.datetime64, least: int) -> Halts:
    """Find the stretches without a trade inside the regular hours of sessions that traded.

    Rows that the exchange delivered with volume 0 and rows that nobody delivered count alike, so
    that an outage which begins with the former and goes on with the latter is one.

    Args:
        rows: Clean rows, ascending ``open_time``, with ``segment``.
        segments: The month's segments.
        until: Up to when the market's activity is known.
        least: Fewest minutes.
    """
    regular = ~segments.extended[rows["segment"]]
    traded = np.flatnonzero(regular & (rows["volume"] != 0))
    if len(traded) == 0:
        return Halts(0, 0, ())
    begin, end = _quiet(rows, traded, segments, until)
    found = np.flatnonzero(end - begin >= least * MINUTE)
    begin, end = begin[found], end[found]
    minutes = ((end - begin) // MINUTE).astype(np.int64)
    order = np.argsort(-minutes, kind="stable")[:SHOWN]
    longest = tuple(_words(begin[i], end[i], int(minutes[i])) for i in order)
    return Halts(len(found), int(minutes.sum()), longest)


def _quiet(
    rows: Rows, traded: npt.NDArray[np.intp], segments: Segments, until: np.datetime64
) -> tuple[Stamps, Stamps]:
    """Return begin and end of what lies between trades, and before and after a segment's."""
    segment, opened, closed = (
        rows[name][traded] for name in ("segment", "open_time", "close_time")
    )
    first = np.r_[True, segment[1:] != segment[:-1]]
    last = np.r_[first[1:], True]
    before = np.where(first, segments.start[segment], np.r_[closed[:1], closed[:-1]])
    tail = np.minimum(segments.end[segment[last]], until)
    begin = np.concatenate([before, closed[last]])
    return begin, np.concatenate([opened, np.maximum(tail, closed[last])])


def _words(begin: np.datetime64, end: np.datetime64, minutes: int) -> str:
    start, stop = pd.Timestamp(begin), pd.Timestamp(end)
    shape = "%H:%M" if start.date() == stop.date() else "%Y-%m-%d %H:%M"
    return f"{start:%Y-%m-%d %H:%M} to {stop.strftime(shape)} UTC, {minutes} minutes"
