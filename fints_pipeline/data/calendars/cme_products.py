"""Futures of CME, CBOT, NYMEX and COMEX other than index futures.

Hours and holidays come from pandas_market_calendars; where it is measurably wrong, `AMENDMENTS`
say so day by day. What it was measured against, and what stays open, is in docs/decisions/0011.

Source: https://github.com/rsheftel/pandas_market_calendars; amendments from LEAN's market-hours
database (2016 to 2026).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd
from pandas.tseries.holiday import Holiday, USLaborDay, USThanksgivingDay

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.data.calendars._base import Calendar, Mode, Stamps, naive_utc, schedule_frame
from fints_pipeline.data.calendars._us_holidays import (
    CHRISTMAS,
    INDEPENDENCE_DAY,
    JUNETEENTH,
    NEW_YEAR,
    closed_fridays,
    holidays,
)

CHICAGO = "America/Chicago"
FIRST_DAY = date(2016, 3, 1)
"""Before it, hours were others (livestock) and nothing was measured."""
DAY = np.timedelta64(1, "D")
# Chicago's 17:00 moved to midnight: an evening belongs to the next day's session.
SHIFT = np.timedelta64(7, "h")
# Monday, 0, to Friday, 4.
FRIDAY = 4
Days = Callable[[date, date], Stamps]


@dataclass(frozen=True)
class Amendment:
    """Days on which the library errs.

    Attributes:
        days: Gives the days of some years, those around them included.
        close: Wall-clock close; None leaves the library's.
        open: Wall-clock open on the session's own date; None leaves the library's.
        closed: There is no session.
    """

    days: Days
    close: str | None = None
    open: str | None = None
    closed: bool = False


@dataclass(frozen=True)
class Product:
    """A group of products with the same hours.

    Attributes:
        library: Their calendar's name in pandas_market_calendars.
        mode: Whether a session runs on from the one before.
        amendments: Applied in this order.
    """

    library: str
    mode: Mode
    amendments: tuple[Amendment, ...]


def _rule(holiday: Holiday, first: int = 1, last: int = 9999) -> Days:
    """Return the days of a holiday in some years."""
    return lambda start, end: _years(holidays((holiday,), start, end), first, last)


def _fridays(holiday: Holiday, first: int) -> Days:
    """Return the days of a holiday that are Fridays, from a year on."""

    def days(start: date, end: date) -> Stamps:
        found = _years(holidays((holiday,), start, end), first, 9999)
        fridays: Stamps = found[_weekday(found) == FRIDAY]
        return fridays

    return days


def _morning_after(*rules: Holiday) -> Days:
    """Return the days after closed weekdays but Fridays: that evening nothing trades."""

    def days(start: date, end: date) -> Stamps:
        found = holidays(rules, start, end)
        mornings: Stamps = found[_weekday(found) < FRIDAY] + DAY
        return mornings

    return days


def _day_after(holiday: Holiday, first: int = 1, last: int = 9999) -> Days:
    return lambda start, end: _rule(holiday, first, last)(start, end) + DAY


def _years(days: Stamps, first: int, last: int) -> Stamps:
    years = days.astype("datetime64[Y]").astype(int) + 1970
    within: Stamps = days[(years >= first) & (years <= last)]
    return within


def _weekday(days: Stamps) -> np.ndarray:
    # 1970-01-01 was a Thursday.
    return (days.astype("datetime64[D]").astype(int) + 3) % 7


_FROM_MONDAY_TO_THURSDAY = (0, 1, 2, 3)
_CHRISTMAS_EVE = Holiday("Christmas Eve", month=12, day=24, days_of_week=_FROM_MONDAY_TO_THURSDAY)
# The Friday before a Christmas at the weekend.
_CHRISTMAS_FRIDAYS = (
    Holiday("Friday before", month=12, day=23, days_of_week=(FRIDAY,)),
    Holiday("Friday before", month=12, day=22, days_of_week=(FRIDAY,)),
)
_INDEPENDENCE_EVE = Holiday("3 July", month=7, day=3, days_of_week=_FROM_MONDAY_TO_THURSDAY)
_INDEPENDENCE_EVE_2020 = Holiday("2 July", month=7, day=2, days_of_week=(3,))
_MIDWEEK_INDEPENDENCE = Holiday("4 July", month=7, day=4, days_of_week=(1, 2, 3))

_GOOD_FRIDAY = Amendment(closed_fridays, closed=True)
_NO_JUNETEENTH = Amendment(_rule(JUNETEENTH), closed=True)
# Where the holiday is a Friday, no evening follows that could carry the session on.
_FRIDAYS_AT_NOON = (
    Amendment(_fridays(JUNETEENTH, 2022), close="12:00"),
    Amendment(_fridays(INDEPENDENCE_DAY, 2022), close="12:00"),
)
_ENERGY_AND_METALS = (
    Amendment(_rule(_CHRISTMAS_EVE), close="12:45"),
    Amendment(_rule(USLaborDay, 2022), close="13:30"),
    Amendment(_day_after(USThanksgivingDay, 2025), close="13:45"),
    *_FRIDAYS_AT_NOON,
)
_CURRENCIES = (
    _GOOD_FRIDAY,
    Amendment(_day_after(USThanksgivingDay, 2025), close="13:45"),
    Amendment(_rule(_CHRISTMAS_EVE, 2025), close="12:45"),
    *_FRIDAYS_AT_NOON,
)
_GRAINS = (
    _NO_JUNETEENTH,
    Amendment(_day_after(USThanksgivingDay), close="12:05"),
    Amendment(_rule(_CHRISTMAS_EVE), close="12:05"),
    *(Amendment(_rule(day, 2016, 2017), close="12:05") for day in _CHRISTMAS_FRIDAYS),
    Amendment(_rule(_INDEPENDENCE_EVE, 2016, 2019), close="12:05"),
    Amendment(_rule(_INDEPENDENCE_EVE_2020, 2020, 2020), close="12:05"),
    Amendment(
        _morning_after(USThanksgivingDay, CHRISTMAS, NEW_YEAR, _MIDWEEK_INDEPENDENCE), open="08:30"
    ),
)
_LIVESTOCK = (
    _NO_JUNETEENTH,
    Amendment(_day_after(USThanksgivingDay, 2016, 2019), close="12:15"),
    Amendment(_rule(_CHRISTMAS_EVE, 2016, 2019), close="12:15"),
    *(Amendment(_rule(day, 2016, 2017), close="12:15") for day in _CHRISTMAS_FRIDAYS),
    Amendment(_rule(_INDEPENDENCE_EVE, 2016, 2019), close="12:15"),
    Amendment(_rule(_INDEPENDENCE_EVE_2020, 2020, 2020), close="12:15"),
    Amendment(_rule(_CHRISTMAS_EVE, 2025), close="12:15"),
)

CME_PRODUCTS = {
    "cme_energy": Product("CMEGlobex_Energy", "continuous", _ENERGY_AND_METALS),
    "cme_metals": Product("CMEGlobex_Metals", "continuous", _ENERGY_AND_METALS),
    "cme_rates": Product("CME Globex Fixed Income", "continuous", (_GOOD_FRIDAY,)),
    "cme_fx": Product("CMEGlobex_FX", "continuous", _CURRENCIES),
    "cme_grains": Product("CMEGlobex_Grains", "reset", _GRAINS),
    "cme_livestock": Product("CMEGlobex_Livestock", "reset", _LIVESTOCK),
}


class CmeProduct(Calendar):
    """One group of products: the library's hours, amended.

    Args:
        name: One of `CME_PRODUCTS`.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.mode = CME_PRODUCTS[name].mode

    def trading_day(self, open_times: Stamps) -> Stamps:
        """Return the date of the Chicago wall clock plus seven hours."""
        stamps = pd.DatetimeIndex(open_times.astype("datetime64[us]")).tz_localize("UTC")
        wall: Stamps = stamps.tz_convert(CHICAGO).tz_localize(None).to_numpy()
        return (wall + SHIFT).astype("datetime64[D]")

    def schedule(self, first: date, last: date) -> pd.DataFrame:
        """Return a segment a session, two where it has a pause."""
        if (first.year, first.month) < (FIRST_DAY.year, FIRST_DAY.month):
            raise CalendarError(
                f"calendar {self.name} does not cover {first}",
                where=f"sessions {first} to {last}",
                fix=f"leave out what lies before {FIRST_DAY}",
            )
        years = [_year(self.name, year) for year in range(first.year, last.year + 1)]
        schedule = pd.concat(years, ignore_index=True)
        return schedule[
            schedule["session"].between(pd.Timestamp(first), pd.Timestamp(last))
        ].reset_index(drop=True)


@lru_cache(maxsize=256)
def _year(name: str, year: int) -> pd.DataFrame:
    product = CME_PRODUCTS[name]
    hours = _hours(product.library, year)
    for amendment in product.amendments:
        hours = _amended(hours, amendment, year)
    whole = schedule_frame(hours["session"], start=_utc(hours["open"]), end=_utc(hours["close"]))
    if "break_start" not in hours:
        return whole
    begins, ends = hours["break_start"].to_numpy(), hours["break_end"].to_numpy()
    opened, closed = hours["open"].to_numpy(), hours["close"].to_numpy()
    paused = (opened < begins) & (closed > ends) & (begins < ends)
    morning, afternoon = whole.copy(), whole[paused].copy()
    morning.loc[paused, "end"] = _utc(begins[paused]).tz_localize("UTC")
    afternoon["start"] = _utc(ends[paused]).tz_localize("UTC")
    return pd.concat([morning, afternoon]).sort_values("start", ignore_index=True)


def _hours(library: str, year: int) -> pd.DataFrame:
    """Return the library's sessions of a year in Chicago's wall-clock time."""
    import pandas_market_calendars  # type: ignore[import-untyped]

    calendar = pandas_market_calendars.get_calendar(library)
    table = calendar.schedule(f"{year}-01-01", f"{year}-12-31", tz=CHICAGO)
    wall = table.apply(lambda column: column.dt.tz_localize(None))
    named = wall.rename(columns=lambda name: name.removeprefix("market_"))
    hours: pd.DataFrame = named.rename_axis("session").reset_index()
    return hours


def _amended(hours: pd.DataFrame, amendment: Amendment, year: int) -> pd.DataFrame:
    day = hours["session"].to_numpy().astype("datetime64[D]")
    meant = np.isin(day, amendment.days(date(year, 1, 1), date(year, 12, 31)))
    if amendment.closed:
        return hours[~meant].reset_index(drop=True)
    changed = hours.copy()
    for column, clock in (("open", amendment.open), ("close", amendment.close)):
        if clock is not None:
            changed.loc[meant, column] = hours.loc[meant, "session"] + pd.Timedelta(f"{clock}:00")
    return changed


def _utc(wall: Any) -> pd.DatetimeIndex:
    local = pd.DatetimeIndex(wall).tz_localize(CHICAGO)
    return pd.DatetimeIndex(naive_utc(local))
