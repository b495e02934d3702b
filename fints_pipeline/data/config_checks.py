"""Checks that configs of several kinds make of their fields."""

from __future__ import annotations

import re
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


def checked_timezone(name: str) -> str:
    """Return the name of a time zone.

    Raises:
        ValueError: it is none.
    """
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("not a time zone: write it like UTC or America/New_York") from None
    return name


def checked_pattern(pattern: str) -> str:
    """Return a regular expression that can be compiled.

    Raises:
        ValueError: it cannot.
    """
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from None
    return pattern
