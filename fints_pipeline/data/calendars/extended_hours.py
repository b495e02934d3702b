"""Extended hours: a calendar's sessions with trading before their open and after their close."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.data.calendars._base import Calendar, Stamps


class ExtendedHours(Calendar):
    """The regular hours of another calendar, each session widened at both ends.

    The hours before the open and after the close are segments of their own, so that bars of every
    length are still anchored at the regular open. On half-days the late hours follow the early
    close. A session's open and close are those of the widened one.

    Args:
        regular: The calendar of the regular hours.
        before: Minutes before each open.
        after: Minutes after each close.
    """

    def __init__(self, regular: Calendar, before: int, after: int) -> None:
        self.name = regular.name
        self.mode = regular.mode
        self._regular = regular
        self._before = pd.Timedelta(minutes=before)
        self._after = pd.Timedelta(minutes=after)

    def trading_day(self, open_times: Stamps) -> Stamps:
        """Return the regular calendar's answer: hours around a session have its local date."""
        return self._regular.trading_day(open_times)

    def schedule(self, first: date, last: date) -> pd.DataFrame:
        """Return the regular segments, with one before and one after each session's.

        Raises:
            CalendarError: the widened sessions would overlap.
        """
        regular = self._regular.schedule(first, last)
        opened, closed = regular["session_open"], regular["session_close"]
        wide = regular.assign(
            session_open=opened - self._before, session_close=closed + self._after
        )
        edge = ~regular.duplicated("session").to_numpy()
        parts = [wide]
        if self._before:
            early = wide.assign(start=wide["session_open"], end=opened, extended=True)
            parts.append(early[edge])
        if self._after:
            late = wide.assign(start=closed, end=wide["session_close"], extended=True)
            parts.append(late[edge])
        schedule = pd.concat(parts).sort_values("start", ignore_index=True)
        overlap = schedule["start"].to_numpy()[1:] < schedule["end"].to_numpy()[:-1]
        if overlap.any():
            at = schedule["session"][int(np.flatnonzero(overlap)[0]) + 1].date()
            raise CalendarError(
                f"extended hours of {self.name} reach into the neighbouring session",
                where=f"session {at}",
                fix="shorten extended_minutes_before or extended_minutes_after",
            )
        return schedule
