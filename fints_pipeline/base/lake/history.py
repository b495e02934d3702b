"""A month of one instrument with the rows around it that a stage declares it needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from fints_pipeline.base.lake.keys import TableKey, series_key
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
    after: int = 0,
) -> Surroundings:
    """Read a month, at least ``before`` rows of what precedes it and ``after`` rows that follow.

    Whole months are read, as many as it takes; fewer rows come back where the lake holds no more.
    """
    own = lake.read(series_key(table, freq, instrument, month))
    known = lake.months(table, freq, instrument)
    earlier = _collect(lake, table, freq, instrument, known[: known.index(month)][::-1], before)
    later = _collect(lake, table, freq, instrument, known[known.index(month) + 1 :], after)
    first = min([*earlier.tables, month])
    last = max([*later.tables, month])
    if before and earlier.short:
        first = previous_month(first)
    if after and later.short:
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
    lake: Lake, table: str, freq: str, instrument: str, months: list[str], wanted: int
) -> _Collected:
    tables: dict[str, pa.Table] = {}
    have = 0
    for month in months:
        if have >= wanted:
            break
        tables[month] = lake.read(series_key(table, freq, instrument, month))
        have += tables[month].num_rows
    return _Collected(tables, short=have < wanted)


def previous_key(lake: Lake, key: TableKey) -> TableKey | None:
    """Return the key of the latest earlier month of the same series that exists, if any."""
    known = lake.months(key.table, key["freq"], key["instrument"])
    earlier = [month for month in known if month < key["month"]]
    if not earlier:
        return None
    return series_key(key.table, key["freq"], key["instrument"], earlier[-1])
