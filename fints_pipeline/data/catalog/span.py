"""From when to when: sessions or moments, and the months that can hold them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.time import first_day, month_of, next_month

Bound = str | date | datetime | None
_MONTH = re.compile(r"^\d{4}-\d{2}$")
# A session's date is that of its end on the market's own clock: it lies within a day of the UTC
# date, or within three where Friday's evening already belongs to Monday.
_REACH = timedelta(days=4)


@dataclass(frozen=True)
class Span:
    """Which rows are wanted; None leaves a side open.

    Attributes:
        first_session: First session date, included.
        last_session: Last session date, included.
        start: Bars open at this moment or later, UTC.
        end: Bars close at this moment or earlier, UTC.
    """

    first_session: date | None = None
    last_session: date | None = None
    start: datetime | None = None
    end: datetime | None = None

    @classmethod
    def of(cls, start: Bound, end: Bound) -> Span:
        """Read two bounds.

        Args:
            start: A session (``2023-01-31`` or a date), a month (``2023-01``: its first day), or a
                moment with its time zone (``2023-01-31T14:30Z`` or an aware datetime).
            end: The same; a month stands for its last day.

        Raises:
            ConfigError: a bound is none of these, or they are in the wrong order.
        """
        first, last = _read(start, "start"), _read(end, "end")
        span = cls(
            first_session=None if isinstance(first, datetime) else first,
            last_session=None if isinstance(last, datetime) else last,
            start=first if isinstance(first, datetime) else None,
            end=last if isinstance(last, datetime) else None,
        )
        if first is not None and last is not None and _day(first) > _day(last):
            raise ConfigError(f"start {start} lies after end {end}", fix="exchange them")
        return span

    def until(self, moment: datetime | None) -> Span:
        """Return the span cut at a moment."""
        if moment is None:
            return self
        return replace(self, end=moment if self.end is None else min(moment, self.end))

    def may_hold(self, month: str) -> bool:
        """Return whether a month of sessions can have rows in the span."""
        firsts = [self.first_session, self.start and (self.start - _REACH).date()]
        lasts = [self.last_session, self.end and (self.end + _REACH).date()]
        early = any(first is not None and month < month_of(first) for first in firsts)
        return not (early or any(last is not None and month > month_of(last) for last in lasts))

    def overlaps(self, opened: datetime, closed: datetime) -> bool:
        """Return whether bars between two moments can lie in the span."""
        early = self.start is not None and closed < self.start
        late = self.end is not None and opened > self.end
        return not (early or late)


def _read(bound: Bound, name: str) -> date | datetime | None:
    if bound is None:
        return None
    value = _parse(bound, name) if isinstance(bound, str) else bound
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ConfigError(
                f"{name} {bound} has no time zone",
                fix="add one (2023-01-31T14:30Z), or give a session's date (2023-01-31)",
            )
        return value.astimezone(UTC)
    return value


def _parse(text: str, name: str) -> date | datetime:
    try:
        if _MONTH.match(text):
            first = first_day(text)
            return first if name == "start" else first_day(next_month(text)) - timedelta(days=1)
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except (ValueError, ConfigError):
        raise ConfigError(
            f"{name} {text!r} is no time",
            fix="write a session 2023-01-31, a month 2023-01 or a moment 2023-01-31T14:30Z",
        ) from None


def _day(bound: date | datetime) -> date:
    return bound.date() if isinstance(bound, datetime) else bound
