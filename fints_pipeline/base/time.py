"""Frequencies ("5m", "1D") and months ("2023-01") as the lake's paths spell them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date

from fints_pipeline.base.errors import ConfigError

MINUTES_A_DAY = 1440
_FREQUENCY = re.compile(r"^([1-9][0-9]*)(m|h|D)$")
_UNIT_MINUTES = {"m": 1, "h": 60, "D": MINUTES_A_DAY}
_PERIOD = re.compile(r"^([1-9][0-9]*)([WMQY])$")
_PERIOD_DAYS = {"W": 7, "M": 30, "Q": 91, "Y": 365}
_MONTH = re.compile(r"^[0-9]{4}-(0[1-9]|1[0-2])$")


def minutes(frequency: str) -> int:
    """Return the length of a frequency such as ``5m``, ``1h`` or ``1D`` in minutes.

    ``1D`` stands for one bar a session and counts as 1440, whatever the session's length.

    Raises:
        ConfigError: not a frequency.
    """
    match = _FREQUENCY.match(frequency)
    if match is None:
        raise ConfigError(
            f"{frequency!r} is not a frequency", fix="write it like 1m, 5m, 30m, 1h or 1D"
        )
    return int(match[1]) * _UNIT_MINUTES[match[2]]


def about_minutes(period: str) -> int:
    """Return about how long a frequency or a period of the calendar is, to sort them by.

    Beside what `minutes` takes: weeks, months, quarters and years, such as ``1W``, ``1M``, ``1Q``
    and ``1Y``. No bar is that long; macro series are.

    Raises:
        ConfigError: neither.
    """
    match = _PERIOD.match(period)
    if match is not None:
        return int(match[1]) * _PERIOD_DAYS[match[2]] * MINUTES_A_DAY
    try:
        return minutes(period)
    except ConfigError:
        raise ConfigError(
            f"{period!r} is not the length of a period",
            fix="write it like 5m, 1h, 1D, 1W, 1M, 1Q or 1Y",
        ) from None


def month_of(session: date) -> str:
    """Return the month of a session date, for example ``2023-01``."""
    return f"{session.year:04d}-{session.month:02d}"


def check_month(month: str) -> str:
    """Return ``month`` if it reads like 2023-01.

    Raises:
        ConfigError: it does not.
    """
    if not _MONTH.match(month):
        raise ConfigError(f"{month!r} is not a month", fix="write it like 2023-01")
    return month


def next_month(month: str, step: int = 1) -> str:
    """Return the month ``step`` months after ``month`` (before it, when negative)."""
    check_month(month)
    index = int(month[:4]) * 12 + int(month[5:]) - 1 + step
    return f"{index // 12:04d}-{index % 12 + 1:02d}"


def previous_month(month: str) -> str:
    """Return the month before ``month``."""
    return next_month(month, -1)


def first_day(month: str) -> date:
    """Return the first calendar day of ``month``."""
    check_month(month)
    return date(int(month[:4]), int(month[5:]), 1)


def months_between(first: str, last: str) -> Iterator[str]:
    """Yield every month from ``first`` to ``last``, both included."""
    month = check_month(first)
    while month <= check_month(last):
        yield month
        month = next_month(month)
