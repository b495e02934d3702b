"""Market calendars: crypto, FX, US index products, CME's other futures, exchanges by ISO code."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

from fints_pipeline.base.errors import CalendarError, nearest
from fints_pipeline.data.calendars._base import Calendar, Segments, Stamps, aware_utc, naive_utc
from fints_pipeline.data.calendars.cme_products import CME_PRODUCTS, CmeProduct
from fints_pipeline.data.calendars.crypto_24_7 import Crypto247
from fints_pipeline.data.calendars.extended_hours import ExtendedHours
from fints_pipeline.data.calendars.fx_24_5 import Fx245
from fints_pipeline.data.calendars.us_index import US_INDEX_CALENDARS, us_index

__all__ = [
    "Calendar",
    "ExtendedHours",
    "Segments",
    "Stamps",
    "aware_utc",
    "calendar_for",
    "calendar_names",
    "naive_utc",
]

_OWN: dict[str, Callable[[], Calendar]] = {
    "crypto_24_7": Crypto247,
    "fx_24_5": Fx245,
    **{name: partial(us_index, name) for name in US_INDEX_CALENDARS},
    **{name: partial(CmeProduct, name) for name in CME_PRODUCTS},
}


def calendar_names() -> list[str]:
    """Return every valid calendar name."""
    from fints_pipeline.data.calendars.exchange import exchange_codes

    return [*_OWN, *exchange_codes()]


def calendar_for(name: str, before: int = 0, after: int = 0) -> Calendar:
    """Return the calendar of that name; the same object for the same arguments.

    Args:
        name: One of `calendar_names`.
        before: Minutes of extended hours before each regular open.
        after: Minutes of extended hours after each regular close.

    Raises:
        CalendarError: no calendar has this name.
    """
    return _extended(name, before, after) if before or after else _regular(name)


@lru_cache(maxsize=64)
def _regular(name: str) -> Calendar:
    if name in _OWN:
        return _OWN[name]()
    check_calendar(name)
    from fints_pipeline.data.calendars.exchange import Exchange

    return Exchange(name)


@lru_cache(maxsize=64)
def _extended(name: str, before: int, after: int) -> Calendar:
    return ExtendedHours(_regular(name), before, after)


def check_calendar(name: str) -> str:
    """Return ``name`` if a calendar has it, without building that calendar.

    Raises:
        CalendarError: no calendar has this name.
    """
    if name in _OWN:
        return name
    choices = calendar_names()
    if name not in choices:
        raise CalendarError(
            f"no market calendar is called {name!r}",
            fix=f"{nearest(name, choices)} (valid: {', '.join(choices)})",
        )
    return name
