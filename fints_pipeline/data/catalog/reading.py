"""Rows of the partitions that a span can touch, and of no other.

pyarrow reads them file by file: over 12 files of 44 640 minutes this took 145 ms where DuckDB's
``read_parquet`` took 237 ms and a pyarrow dataset 228 ms (medians of one run, two busy cores).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fints_pipeline.base.errors import LakeError
from fints_pipeline.data.catalog.inventory import DAMAGE, Partition, footer_of
from fints_pipeline.data.catalog.span import Span

_BOUNDS = ("session", "open_time", "close_time")


def within(partitions: Iterable[Partition], span: Span) -> list[Partition]:
    """Return the partitions that can hold rows of the span, by month and by their statistics."""
    return [
        one
        for one in partitions
        if span.may_hold(one.part("month"))
        and ("open_time" not in one.ranges or span.overlaps(*_reach(one)))
    ]


def read_rows(path: Path, columns: Sequence[str], span: Span) -> tuple[pa.Table, str]:
    """Return a file's rows of the span, and the digest of the content that they were read from.

    Both come from one open file, whatever is renamed over it meanwhile.

    Raises:
        LakeError: the file is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            digest = footer_of(file.schema_arrow, path).digest
            needed = [name for name in _BOUNDS if _is_bound(name, span)]
            table = file.read(columns=list(dict.fromkeys([*columns, *needed])))
    except DAMAGE as error:
        raise LakeError(
            f"the partition cannot be read: {error}",
            where=str(path),
            fix="`python -m fints_pipeline.data verify` lists what is damaged",
        ) from None
    return clip(table.replace_schema_metadata(None), span).select(list(columns)), digest


def clip(table: pa.Table, span: Span) -> pa.Table:
    """Return the rows of the span; the table needs the columns of those bounds that are set."""
    tests = [
        (span.first_session, "session", pc.greater_equal, pa.date32()),
        (span.last_session, "session", pc.less_equal, pa.date32()),
        (span.start, "open_time", pc.greater_equal, pa.timestamp("us", "UTC")),
        (span.end, "close_time", pc.less_equal, pa.timestamp("us", "UTC")),
    ]
    masks = [
        test(table.column(name), pa.scalar(bound, kind))
        for bound, name, test, kind in tests
        if bound is not None
    ]
    if not masks:
        return table
    mask = reduce(pc.and_, masks)
    return table if pc.all(mask).as_py() else table.filter(mask)


def _is_bound(name: str, span: Span) -> bool:
    if name == "session":
        return span.first_session is not None or span.last_session is not None
    return (span.start if name == "open_time" else span.end) is not None


def _reach(one: Partition) -> tuple[datetime, datetime]:
    return one.ranges["open_time"][0], one.ranges["close_time"][1]
