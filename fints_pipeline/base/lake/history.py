"""A month of one instrument with the rows around it that a stage declares it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from fints_pipeline.base.lake.keys import series_key
from fints_pipeline.base.lake.lake import Lake
from fints_pipeline.base.lake.lineage import digests
from fints_pipeline.base.time import months_between, next_month, previous_month


@dataclass(frozen=True)
class Surroundings:
    """A month's rows between earlier and later ones.

    Attributes:
        rows: Earlier, own and later rows, ascending.
        start: Where the month's own rows begin.
        stop: Where they end.
        inputs: Digest of every partition read; `ABSENT` for those whose arrival would change rows.
    """

    rows: pa.Table
    start: int
    stop: int
    inputs: Mapping[str, str]


def read_surroundings(
    lake: Lake,
    table: str,
    freq: str,
    instrument: str,
    month: str,
    *,
    before: int = 0,
    before_sessions: int = 0,
    after: int = 0,
) -> Surroundings:
    """Read a month, enough of what precedes it and at least ``after`` rows that follow.

    What precedes it is at least ``before_sessions`` whole sessions and ``before`` rows more. Whole
    months are read, as many as it takes; fewer rows come back where the lake holds no more.
    """
    own = lake.read(series_key(table, freq, instrument, month))
    known = lake.months(table, freq, instrument)
    place = known.index(month)
    earlier = _collect(
        lake, table, freq, instrument, known[:place][::-1], before, sessions=before_sessions
    )
    later = _collect(lake, table, freq, instrument, known[place + 1 :], after)
    first = min([*earlier.tables, month])
    last = max([*later.tables, month])
    if earlier.short:
        first = previous_month(first)
    if later.short:
        last = next_month(last)
    keys = [series_key(table, freq, instrument, name) for name in months_between(first, last)]
    tables = {**earlier.tables, month: own, **later.tables}
    start = sum(part.num_rows for part in earlier.tables.values())
    return Surroundings(
        rows=pa.concat_tables([tables[name] for name in sorted(tables)]),
        start=start,
        stop=start + own.num_rows,
        inputs=digests(lake, keys),
    )


@dataclass(frozen=True)
class _Collected:
    tables: dict[str, pa.Table]
    short: bool


def _collect(
    lake: Lake,
    table: str,
    freq: str,
    instrument: str,
    months: list[str],
    rows: int,
    *,
    sessions: int = 0,
) -> _Collected:
    """Read months, nearest first, until they hold ``sessions`` sessions and ``rows`` rows more."""
    tables: dict[str, pa.Table] = {}
    sizes: list[int] = []
    spare = 0
    for month in months:
        if len(sizes) >= sessions and spare >= rows:
            break
        tables[month] = lake.read(series_key(table, freq, instrument, month))
        if sessions:
            sizes += _rows_a_session(tables[month])
            spare = sum(sizes[sessions:])
        else:
            spare += tables[month].num_rows
    return _Collected(tables, short=len(sizes) < sessions or spare < rows)


def _rows_a_session(table: pa.Table) -> list[int]:
    """Return how many rows each session has, latest session first."""
    counted = table.group_by("session").aggregate([([], "count_all")]).sort_by("session")
    sizes: list[int] = counted["count_all"].to_pylist()
    return sizes[::-1]
