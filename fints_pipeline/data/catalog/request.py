"""What `DataCatalog.bars` was asked for, checked."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal, get_args

from fints_pipeline.base.errors import ConfigError, nearest
from fints_pipeline.data.catalog.span import Bound, Span

Adjust = Literal["raw", "split", "total"]
_A_DAY = timedelta(days=1)


@dataclass(frozen=True)
class BarsRequest:
    """A request for bars.

    Attributes:
        instruments: ``dataset.SYMBOL`` each, in the order of the result.
        freq: For example ``5m``.
        span: From when to when, ``as_of`` at the latest.
        adjust: How prices are made comparable.
        as_of: Bars are as they were at this moment; None for what there is now.
        columns: Columns of the result, in order.
    """

    instruments: tuple[str, ...]
    freq: str
    span: Span
    adjust: Adjust
    as_of: datetime | None
    columns: tuple[str, ...]


def adjustment(name: str) -> Adjust:
    """Return how to adjust prices.

    Raises:
        ConfigError: there is no such way.
    """
    for known in get_args(Adjust):
        if name == known:
            return known  # type: ignore[no-any-return]
    raise ConfigError(f"no adjustment {name!r}", fix=nearest(name, get_args(Adjust)))


def moment(as_of: Bound) -> datetime | None:
    """Return the moment that ``as_of`` means: a date stands for its end, UTC.

    Raises:
        ConfigError: it is no date and no moment.
    """
    span = Span.of(None, as_of)
    if span.last_session is not None:
        return _end_of(span.last_session)
    return span.end


def _end_of(day: date) -> datetime:
    return datetime.combine(day, time(), UTC) + _A_DAY
