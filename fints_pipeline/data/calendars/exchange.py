"""Exchanges by ISO code (XNYS, XTKS, ...): holidays and half-days from exchange_calendars.

Source: https://github.com/gerrymanoim/exchange_calendars
"""

from __future__ import annotations

from datetime import date
from functools import lru_cache

import exchange_calendars
import numpy as np
import pandas as pd

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.data.calendars._base import (
    Calendar,
    Stamps,
    aware_utc,
    naive_utc,
    schedule_frame,
)

# Round-the-clock calendars, and names that are not an exchange's: what we define ourselves.
NOT_EXCHANGES = frozenset({"24/5", "24/7", "us_futures"})
# A year that every calendar covers.
KNOWN_YEAR = 2024
# How far after a stamp its session can be dated: an evening session before a long holiday.
LONGEST_CLOSURE = np.timedelta64(14, "D")


def exchange_codes() -> list[str]:
    """Return the ISO codes that exchange_calendars knows, sorted."""
    names = exchange_calendars.get_calendar_names(include_aliases=False)
    return sorted(set(names) - NOT_EXCHANGES)


class Exchange(Calendar):
    """Regular trading hours of one exchange; a lunch break divides a session into two segments."""

    mode = "reset"

    def __init__(self, code: str) -> None:
        self.name = code
        self._timezone = str(exchange_calendars.get_calendar(code, **_year_bounds(KNOWN_YEAR)).tz)

    def trading_day(self, open_times: Stamps) -> Stamps:
        """Return the session that a stamp lies in, open to close, or else its local date.

        The two differ where a session opens on the evening before its date.
        """
        stamps = open_times.astype("datetime64[us]")
        index = pd.DatetimeIndex(stamps).tz_localize("UTC").tz_convert(self._timezone)
        local: Stamps = index.tz_localize(None).to_numpy().astype("datetime64[D]")
        if len(stamps) == 0:
            return local
        first, last = local.min(), local.max() + LONGEST_CLOSURE
        years = range(first.item().year, last.item().year + 1)
        known = [year for year in (_year(self.name, y) for y in years) if not isinstance(year, str)]
        if not known:
            return local
        schedule = pd.concat(known)
        session, start, end = (
            naive_utc(schedule[name]) for name in ("session", "session_open", "session_close")
        )
        position = np.searchsorted(start, stamps, side="right") - 1
        inside = (position >= 0) & (stamps < end[position])
        return np.where(inside, session[position].astype("datetime64[D]"), local)

    def schedule(self, first: date, last: date) -> pd.DataFrame:
        """Return the exchange's segments, half-days with their early close."""
        years = []
        for number in range(first.year, last.year + 1):
            year = _year(self.name, number)
            if isinstance(year, str):
                raise CalendarError(
                    f"calendar {self.name} does not cover {number}: {year}",
                    where=f"sessions {first} to {last}",
                    fix="use a newer exchange_calendars, or leave these months out",
                )
            years.append(year)
        schedule = pd.concat(years, ignore_index=True)
        inside = (schedule["session"] >= pd.Timestamp(first)) & (
            schedule["session"] <= pd.Timestamp(last)
        )
        return schedule[inside].reset_index(drop=True)


def _year_bounds(year: int) -> dict[str, str]:
    return {"start": f"{year}-01-01", "end": f"{year}-12-31"}


@lru_cache(maxsize=256)
def _year(code: str, year: int) -> pd.DataFrame | str:
    """Return a year's schedule, or the reason why there is none.

    Years are built one by one: how far a calendar reaches is the calendar's matter, and what is
    built must not depend on today's date.
    """
    try:
        calendar = exchange_calendars.get_calendar(code, **_year_bounds(year))
    except ValueError as error:
        return str(error)
    table = calendar.schedule
    whole = schedule_frame(table.index, start=table["open"], end=table["close"])
    paused = table["break_start"].notna().to_numpy()
    if not paused.any():
        return whole
    morning, afternoon = whole.copy(), whole[paused].copy()
    morning.loc[paused, "end"] = aware_utc(table["break_start"][paused])
    afternoon["start"] = aware_utc(table["break_end"][paused])
    return pd.concat([morning, afternoon]).sort_values("start", ignore_index=True)
