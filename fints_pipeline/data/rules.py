"""The rules that reject or note rows: each a named function that marks the rows it applies to.

A rule reads a row, its place in the schedule, and rows with the same stamp; none looks at a
neighbour's values. So what happens after a stamp never changes what is kept at it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.data.calendars import Calendar, Segments

Mask: TypeAlias = npt.NDArray[np.bool_]
Index: TypeAlias = npt.NDArray[np.int64]
PRICES = ["open", "high", "low", "close"]
VALUES = [*PRICES, "volume"]
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

    @property
    def segments(self) -> Segments:
        """The month's stretches of trading; for daily bars a session is one stretch."""
        segments = self.calendar.month_segments(self.month)
        return segments.whole_sessions() if self.is_daily else segments


def other_month(rows: pd.DataFrame, schedule: Schedule) -> Mask:
    """The trading day lies in another month than the slice's."""
    return ~mask(values(rows, "in_month"))


def out_of_session(rows: pd.DataFrame, schedule: Schedule) -> Mask:
    """The market is closed: a closed day, before the open, at or after the scheduled close."""
    return mask(values(rows, "segment") < 0)


def off_grid(rows: pd.DataFrame, schedule: Schedule) -> Mask:
    """The bar does not open a whole number of steps after the open, or does not last one step."""
    segments, segment = schedule.segments, values(rows, "segment")
    if len(segments) == 0:
        return np.zeros(len(rows), dtype=np.bool_)
    opened, closed = values(rows, "open_time"), values(rows, "close_time")
    off = (opened - segments.start[segment]) % schedule.step != np.timedelta64(0, "us")
    due = np.minimum(opened + schedule.step, segments.end[segment])
    return mask(off | (closed != due))


def non_finite(rows: pd.DataFrame, schedule: Schedule) -> Mask:
    """A price is null or infinite."""
    return mask(~np.isfinite(values(rows, PRICES)).all(axis=1))


def non_positive(rows: pd.DataFrame, schedule: Schedule) -> Mask:
    """A price is zero or negative."""
    return mask((values(rows, PRICES) <= 0).any(axis=1))


def ohlc_violation(rows: pd.DataFrame, schedule: Schedule) -> Mask:
    """The high is not the highest of the four prices, or the low not the lowest."""
    prices = values(rows, PRICES)
    return mask((prices[:, 1] < prices.max(axis=1)) | (prices[:, 2] > prices.min(axis=1)))


def bad_volume(rows: pd.DataFrame, schedule: Schedule) -> Mask:
    """The volume is negative or infinite; a null one is no reason to lose the prices."""
    volume = values(rows, "volume")
    return mask((volume < 0) | np.isinf(volume))


# In the order in which they apply: a row counts for the first rule that it breaks.
REJECTING: tuple[Callable[[pd.DataFrame, Schedule], Mask], ...] = (
    other_month,
    out_of_session,
    off_grid,
    non_finite,
    non_positive,
    ohlc_violation,
    bad_volume,
)


def unsorted(rows: pd.DataFrame) -> Mask:
    """The row is earlier than the one before it in the same archive; the order is mended."""
    stamps, archive = values(rows, "open_time"), values(rows, "archive")
    earlier = np.zeros(len(rows), dtype=np.bool_)
    earlier[1:] = stamps[1:] < stamps[:-1]
    later = np.flatnonzero(earlier)
    earlier[later] = archive[later] == archive[later - 1]
    return earlier


def exact_duplicate(rows: pd.DataFrame, winner_of: Index) -> Mask:
    """A row that lost repeats the values of the one that won at its stamp.

    Args:
        rows: Any.
        winner_of: (T,) the position of the row that won at each row's stamp.
    """
    bars = values(rows, VALUES)
    losers = np.flatnonzero(winner_of != np.arange(len(rows)))
    loser, winner = bars[losers], bars[winner_of[losers]]
    exact = np.zeros(len(rows), dtype=np.bool_)
    exact[losers] = ((loser == winner) | (np.isnan(loser) & np.isnan(winner))).all(axis=1)
    return exact


def null_volume(rows: pd.DataFrame) -> Mask:
    """The source has volume, but not for this bar."""
    return mask(np.isnan(values(rows, "volume")))


def zero_volume(rows: pd.DataFrame) -> Mask:
    """The source gives a bar in which nothing was traded, as exchanges do in an outage."""
    return mask(values(rows, "volume") == 0)


def extended_hours(rows: pd.DataFrame, segments: Segments) -> Mask:
    """The row lies before the regular open or after the regular close, and is kept."""
    return mask(segments.extended[values(rows, "segment")])


def values(rows: pd.DataFrame, column: str | list[str]) -> npt.NDArray[Any]:
    """Return a column, of shape (T,), or several, of shape (T, C)."""
    return rows[column].to_numpy()


def mask(truth: Any) -> Mask:
    """Return a comparison's result as the array of booleans that it is."""
    return np.asarray(truth, dtype=np.bool_)
