"""What a market calendar answers: which trading day a stamp belongs to, and when sessions trade."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.base.time import first_day, next_month

Stamps: TypeAlias = npt.NDArray[np.datetime64]
Index: TypeAlias = npt.NDArray[np.int64]
Mode: TypeAlias = Literal["continuous", "reset"]


@dataclass(frozen=True, eq=False)
class Segments:
    """The stretches in which a market trades without a pause, ascending and disjoint.

    A session is one segment, or several where breaks or extended hours divide it. All arrays are of
    shape (S,), stamps are naive UTC ``datetime64[us]``; a segment covers ``[start, end)``.
    ``extended`` marks trading before and after the regular hours, where a minute without a trade is
    nothing unusual.
    """

    session: Stamps
    session_open: Stamps
    session_close: Stamps
    start: Stamps
    end: Stamps
    extended: npt.NDArray[np.bool_]

    def __len__(self) -> int:
        """Return the number of segments."""
        return len(self.start)

    def whole_sessions(self) -> Segments:
        """Return one segment a session, from its open to its close, breaks included."""
        _, first = np.unique(self.session, return_index=True)
        kept = {name: values[first] for name, values in vars(self).items()}
        kept |= {"start": self.session_open[first], "end": self.session_close[first]}
        return Segments(**kept | {"extended": np.zeros(len(first), dtype=np.bool_)})

    def locate(self, open_times: Stamps) -> Index:
        """Return each stamp's segment, of shape (T,); -1 where the market is closed."""
        if len(self) == 0:
            return np.full(len(open_times), -1, dtype=np.int64)
        position = np.searchsorted(self.start, open_times, side="right") - 1
        inside = (position >= 0) & (open_times < self.end[position])
        return np.where(inside, position, -1).astype(np.int64)


class Calendar(ABC):
    """A market's trading days and scheduled hours.

    Attributes:
        name: The calendar's name in config files.
        mode: ``reset`` where each session starts afresh (regular trading hours), ``continuous``
            where the market runs on from one session into the next.
    """

    name: str
    mode: Mode

    @abstractmethod
    def trading_day(self, open_times: Stamps) -> Stamps:
        """Return the trading day of each stamp, also of stamps at which the market is closed.

        Args:
            open_times: (T,) ``datetime64``, UTC.

        Returns:
            (T,) ``datetime64[D]``.
        """

    @abstractmethod
    def schedule(self, first: date, last: date) -> pd.DataFrame:
        """Return the scheduled segments of the sessions from ``first`` to ``last``, both included.

        Returns:
            One row a segment, ascending: ``session`` (naive midnight), ``session_open``,
            ``session_close``, ``start``, ``end`` (``datetime64[us, UTC]``), ``extended`` (bool).

        Raises:
            CalendarError: the calendar is not known for these dates.
        """

    def sessions(self, first: date, last: date) -> pd.DataFrame:
        """Return ``session``, ``session_open``, ``session_close``, one row a scheduled session."""
        columns = ["session", "session_open", "session_close"]
        schedule = self.schedule(first, last)[columns]
        return schedule.drop_duplicates("session", ignore_index=True)

    def month_segments(self, month: str) -> Segments:
        """Return the segments of the sessions whose date lies in ``month`` (``2023-01``)."""
        return _month_segments(self, month)


@lru_cache(maxsize=512)
def _month_segments(calendar: Calendar, month: str) -> Segments:
    last = np.datetime64(first_day(next_month(month))) - np.timedelta64(1, "D")
    schedule = calendar.schedule(first_day(month), last.item())
    stamps = {name: naive_utc(schedule[name]) for name in schedule.columns if name != "extended"}
    extended = schedule["extended"].to_numpy(dtype=np.bool_, copy=True)
    extended.flags.writeable = False
    return Segments(**stamps, extended=extended)


def naive_utc(stamps: Any) -> Stamps:
    """Return a column of stamps (aware or naive UTC) as a read-only naive ``datetime64[us]``."""
    index = pd.DatetimeIndex(stamps)
    if index.tz is not None:
        index = index.tz_convert("UTC").tz_localize(None)
    values: Stamps = index.to_numpy().astype("datetime64[us]")
    values.flags.writeable = False
    return values


def schedule_frame(
    session: Any, start: Any, end: Any, session_open: Any = None, session_close: Any = None
) -> pd.DataFrame:
    """Return a schedule; sessions open at ``start`` and close at ``end`` unless told otherwise."""
    session_open = start if session_open is None else session_open
    session_close = end if session_close is None else session_close
    return pd.DataFrame(
        {
            "session": naive_utc(session),
            "session_open": aware_utc(session_open),
            "session_close": aware_utc(session_close),
            "start": aware_utc(start),
            "end": aware_utc(end),
            "extended": False,
        }
    )


def aware_utc(stamps: Any) -> pd.DatetimeIndex:
    """Return stamps (aware or naive UTC) as ``datetime64[us, UTC]``."""
    return pd.DatetimeIndex(naive_utc(stamps)).tz_localize("UTC")


def days_between(first: date, last: date) -> Stamps:
    """Return every day from ``first`` to ``last``, both included, as ``datetime64[D]``."""
    return np.arange(np.datetime64(first, "D"), np.datetime64(last, "D") + np.timedelta64(1, "D"))
