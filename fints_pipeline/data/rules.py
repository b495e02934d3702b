"""The rules that reject or note rows: each a named function that marks the rows it applies to.

A rule reads a row, its place in the schedule, and rows with the same stamp; none looks at a
neighbour's values. So what happens after a stamp never changes what is kept at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from fints_pipeline.data.calendars import Calendar, Segments
from fints_pipeline.data.rows import PRICES, VALUES, Index, Mask, Rows, steps

ONE_DAY = np.timedelta64(1, "D")


@dataclass(frozen=True, eq=False)
class Schedule:
    """The grid of bars that one month of one market can have.

    Attributes:
        calendar: The market's calendar.
        month: Month of the session dates.
        step: Length of a bar; a day for bars of one session, however long that is.
    """

    calendar: Calendar
    month: str
    step: np.timedelta64

    @property
    def is_daily(self) -> bool:
        """Whether a bar is a whole session."""
        return bool(self.step >= ONE_DAY)

    @cached_property
    def segments(self) -> Segments:
        """The month's stretches of trading; for daily bars a session is one stretch."""
        segments = self.calendar.month_segments(self.month)
        return segments.whole_sessions() if self.is_daily else segments


def other_month(rows: Rows, schedule: Schedule) -> Mask:
    """The trading day lies in another month than the slice's."""
    return mask(~rows["in_month"])


def out_of_session(rows: Rows, schedule: Schedule) -> Mask:
    """The market is closed: a closed day, before the open, at or after the scheduled close."""
    return mask(rows["segment"] < 0)


def off_grid(rows: Rows, schedule: Schedule) -> Mask:
    """The bar does not open a whole number of steps after the open, or does not last one step."""
    segments, segment = schedule.segments, rows["segment"]
    if len(segments) == 0:
        return np.zeros(len(rows), dtype=np.bool_)
    opened, closed = rows["open_time"], rows["close_time"]
    since_start = opened - segments.start[segment]
    off = since_start != steps(since_start, schedule.step) * schedule.step
    due = np.minimum(opened + schedule.step, segments.end[segment])
    return mask(off | (closed != due))


def non_finite(rows: Rows, schedule: Schedule) -> Mask:
    """A price is null or infinite."""
    return ~_every([np.isfinite(rows[name]) for name in PRICES])


def non_positive(rows: Rows, schedule: Schedule) -> Mask:
    """A price is zero or negative."""
    return _any([rows[name] <= 0 for name in PRICES])


def ohlc_violation(rows: Rows, schedule: Schedule) -> Mask:
    """The high is not the highest of the four prices, or the low not the lowest."""
    first, high, low, last = (rows[name] for name in PRICES)
    return _any([high < first, high < low, high < last, low > first, low > last])


def bad_volume(rows: Rows, schedule: Schedule) -> Mask:
    """The volume is negative or infinite; a null one is no reason to lose the prices."""
    volume = rows["volume"]
    return mask((volume < 0) | np.isinf(volume))


# In the order in which they apply: a row counts for the first rule that it breaks.
REJECTING: tuple[Callable[[Rows, Schedule], Mask], ...] = (
    other_month,
    out_of_session,
    off_grid,
    non_finite,
    non_positive,
    ohlc_violation,
    bad_volume,
)


def unsorted(rows: Rows) -> Mask:
    """The row is earlier than the one before it in the same archive; the order is mended."""
    stamps, archive = rows["open_time"], rows["archive"]
    earlier = np.zeros(len(rows), dtype=np.bool_)
    earlier[1:] = (stamps[1:] < stamps[:-1]) & (archive[1:] == archive[:-1])
    return earlier


def exact_duplicate(rows: Rows, winner_of: Index) -> Mask:
    """A row that lost repeats the values of the one that won at its stamp.

    Args:
        rows: Any.
        winner_of: (T,) the position of the row that won at each row's stamp.
    """
    losers = np.flatnonzero(winner_of != np.arange(len(rows)))
    pairs = ((rows[name][losers], rows[name][winner_of[losers]]) for name in VALUES)
    exact = np.zeros(len(rows), dtype=np.bool_)
    exact[losers] = _every(
        [(loser == winner) | (np.isnan(loser) & np.isnan(winner)) for loser, winner in pairs]
    )
    return exact


def null_volume(rows: Rows) -> Mask:
    """The source has volume, but not for this bar."""
    return mask(np.isnan(rows["volume"]))


def zero_volume(rows: Rows) -> Mask:
    """The source gives a bar in which nothing was traded, as exchanges do in an outage."""
    return mask(rows["volume"] == 0)


def extended_hours(rows: Rows, segments: Segments) -> Mask:
    """The row lies before the regular open or after the regular close, and is kept."""
    return mask(segments.extended[rows["segment"]])


def mask(truth: Any) -> Mask:
    """Return a comparison's result as the array of booleans that it is."""
    return np.asarray(truth, dtype=np.bool_)


def _every(truths: list[Any]) -> Mask:
    return mask(reduce(np.logical_and, truths))


def _any(truths: list[Any]) -> Mask:
    return mask(reduce(np.logical_or, truths))
