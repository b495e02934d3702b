"""US holidays as dates: rules of pandas' holiday calendar, by year."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import lru_cache

import numpy as np
import pandas as pd
from pandas.tseries.holiday import GoodFriday, Holiday, nearest_workday, sunday_to_monday

from fints_pipeline.data.calendars._base import Stamps

CHRISTMAS = Holiday("Christmas", month=12, day=25, observance=nearest_workday)
NEW_YEAR = Holiday("New Year", month=1, day=1, observance=sunday_to_monday)
JUNETEENTH = Holiday(
    "Juneteenth", month=6, day=19, start_date="2022-01-01", observance=nearest_workday
)
INDEPENDENCE_DAY = Holiday("Independence Day", month=7, day=4, observance=nearest_workday)


def holidays(rules: Sequence[Holiday], first: date, last: date) -> Stamps:
    """Return the observed dates, at least of the years around ``first`` to ``last``.

    Returns:
        (H,) ``datetime64[D]``, ascending.
    """
    years = range(first.year - 1, last.year + 2)
    days = [_of_year(rule, year) for rule in rules for year in years]
    return np.unique(np.concatenate(days)).astype("datetime64[D]")


def closed_fridays(first: date, last: date) -> Stamps:
    """Return the Good Fridays without a session: those that are not the month's first Friday.

    On a month's first Friday the payrolls are published, and financial futures trade in the
    morning.
    """
    fridays = holidays((GoodFriday,), first, last)
    return np.array([day for day in fridays if day.item().day > 7], dtype="datetime64[D]")


@lru_cache(maxsize=4096)
def _of_year(rule: Holiday, year: int) -> Stamps:
    dates = rule.dates(pd.Timestamp(year, 1, 1), pd.Timestamp(year, 12, 31))
    return pd.DatetimeIndex(dates).to_numpy().astype("datetime64[D]")
