"""Markets that follow US equity index futures: 23 hours a day with pauses, Sunday to Friday.

``cme_equity_index``: CME Globex equity index futures, 17:00 to 16:00 Chicago, with a pause from
15:15 to 15:30 until June 2021. ``us_index_cfd``: index CFDs such as SPXUSD, which kept the pause.
The exchange's other products are in `cme_products`.

Holidays are computed from their rules. On the exchange's holidays trading ends at noon, Chicago;
the day after Thanksgiving, on Christmas Eve and on the eve of Independence Day at 12:15; New Year's
Day, Good Friday and Christmas have no session. Days of mourning are not foreseen.

Source: CME Globex trading hours and holiday schedules; checked against LEAN's market-hours database
for ES (2015 to 2026), and against HistData's SPXUSD of 2018. The hours hold from 2015-09-21 on.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.tseries.holiday import (
    GoodFriday,
    Holiday,
    USLaborDay,
    USMartinLutherKingJr,
    USMemorialDay,
    USPresidentsDay,
    USThanksgivingDay,
)

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.data.calendars._base import (
    Calendar,
    Stamps,
    aware_utc,
    days_between,
    naive_utc,
    schedule_frame,
)
from fints_pipeline.data.calendars._us_holidays import (
    CHRISTMAS,
    INDEPENDENCE_DAY,
    JUNETEENTH,
    NEW_YEAR,
    closed_fridays,
    holidays,
)

CHICAGO = "America/Chicago"
FIRST_DAY = np.datetime64("2015-09-21", "D")
# The first session without the afternoon pause.
PAUSE_ENDS = np.datetime64("2021-06-28", "D")
DAY = np.timedelta64(1, "D")
Durations: TypeAlias = npt.NDArray[np.timedelta64]
# Chicago's 17:00 moved to midnight.
SHIFT = np.timedelta64(7, "h")

_NOON = (
    USMartinLutherKingJr,
    USPresidentsDay,
    USMemorialDay,
    JUNETEENTH,
    INDEPENDENCE_DAY,
    USLaborDay,
    USThanksgivingDay,
)
_EVES = (
    Holiday("Eve of Independence Day", month=7, day=3, days_of_week=(0, 1, 2, 3)),
    Holiday("Christmas Eve", month=12, day=24, days_of_week=(0, 1, 2, 3)),
)


def _clock(text: str) -> np.timedelta64:
    hours, minutes = text.split(":")
    return np.timedelta64(int(hours) * 60 + int(minutes), "m")


@dataclass(frozen=True)
class UsIndex(Calendar):
    """One of the two.

    Attributes:
        name: The calendar's name.
        pause_until: First session without the pause in the afternoon.
    """

    name: str
    pause_until: np.datetime64
    mode = "continuous"

    def trading_day(self, open_times: Stamps) -> Stamps:
        """Return the date of the Chicago wall clock plus seven hours."""
        stamps = pd.DatetimeIndex(open_times.astype("datetime64[us]")).tz_localize("UTC")
        wall: Stamps = stamps.tz_convert(CHICAGO).tz_localize(None).to_numpy()
        return (wall + SHIFT).astype("datetime64[D]")

    def schedule(self, first: date, last: date) -> pd.DataFrame:
        """Return two segments a session while there is a pause and the session reaches it."""
        if np.datetime64(first, "D") < FIRST_DAY - DAY * FIRST_DAY.item().day:
            raise CalendarError(
                f"calendar {self.name} does not cover {first}: other hours held then",
                where=f"sessions {first} to {last}",
                fix=f"leave out what lies before {FIRST_DAY}",
            )
        days = days_between(first, last)
        days = days[np.is_busday(days, holidays=holidays((NEW_YEAR, CHRISTMAS), first, last))]
        days = days[(days >= FIRST_DAY) & ~np.isin(days, closed_fridays(first, last))]
        start, end = days - DAY + _clock("17:00"), days + _closes(days, first, last)
        paused = (days < self.pause_until) & (end > days + _clock("15:30"))
        opened, closed = _utc(start), _utc(end)
        whole = schedule_frame(days, start=opened, end=closed)
        whole.loc[paused, "end"] = aware_utc(_utc(days[paused] + _clock("15:15")))
        rest = schedule_frame(
            days[paused],
            start=_utc(days[paused] + _clock("15:30")),
            end=closed[paused],
            session_open=opened[paused],
            session_close=closed[paused],
        )
        return pd.concat([whole, rest]).sort_values("start", ignore_index=True)


US_INDEX_CALENDARS = {
    "cme_equity_index": PAUSE_ENDS,
    "us_index_cfd": np.datetime64("9999-01-01", "D"),
}


def us_index(name: str) -> UsIndex:
    """Return the calendar of that name in `US_INDEX_CALENDARS`."""
    return UsIndex(name, US_INDEX_CALENDARS[name])


def _closes(days: Stamps, first: date, last: date) -> Durations:
    """Return when each session ends, in wall-clock time after midnight."""
    noon = holidays(_NOON, first, last)
    thanksgiving = holidays((USThanksgivingDay,), first, last)
    eves = np.setdiff1d(np.concatenate([holidays(_EVES, first, last), thanksgiving + DAY]), noon)
    close = np.full(len(days), _clock("16:00"))
    close[np.isin(days, noon)] = _clock("12:00")
    close[np.isin(days, eves)] = _clock("12:15")
    close[np.isin(days, holidays((GoodFriday,), first, last))] = _clock("08:15")
    return close


def _utc(wall: Stamps) -> Stamps:
    local = pd.DatetimeIndex(wall.astype("datetime64[us]")).tz_localize(CHICAGO)
    return naive_utc(local)
