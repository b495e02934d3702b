"""Market calendars: ``crypto_24_7``, ``fx_24_5``, and exchanges by ISO code."""

from __future__ import annotations

from functools import lru_cache

from fints_pipeline.base.errors import CalendarError, nearest
from fints_pipeline.data.calendars._base import Calendar, Segments, Stamps, aware_utc, naive_utc
from fints_pipeline.data.calendars.crypto_24_7 import Crypto247
from fints_pipeline.data.calendars.fx_24_5 import Fx245

__all__ = [
    "Calendar",
    "Segments",
    "Stamps",
    "aware_utc",
    "calendar_for",
    "calendar_names",
    "naive_utc",
]

_ROUND_THE_CLOCK: dict[str, type[Calendar]] = {"crypto_24_7": Crypto247, "fx_24_5": Fx245}


def calendar_names() -> list[str]:
    """Return every valid calendar name."""
    from fints_pipeline.data.calendars.exchange import exchange_codes

    return [*_ROUND_THE_CLOCK, *exchange_codes()]


@lru_cache(maxsize=64)
def calendar_for(name: str) -> Calendar:
    """Return the calendar of that name; the same object for the same name.

    Raises:
        CalendarError: no calendar has this name.
    """
    if name in _ROUND_THE_CLOCK:
        return _ROUND_THE_CLOCK[name]()
    check_calendar(name)
    from fints_pipeline.data.calendars.exchange import Exchange

    return Exchange(name)


def check_calendar(name: str) -> str:
    """Return ``name`` if a calendar has it, without building that calendar.

    Raises:
        CalendarError: no calendar has this name.
    """
    if name in _ROUND_THE_CLOCK:
        return name
    choices = calendar_names()
    if name not in choices:
        raise CalendarError(
            f"no market calendar is called {name!r}",
            fix=f"{nearest(name, choices)} (valid: {', '.join(choices)})",
        )
    return name
