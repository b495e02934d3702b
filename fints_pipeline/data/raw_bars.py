"""A staged archive's members into rows of the ``raw_bars`` table, by instrument."""

from __future__ import annotations

from datetime import timedelta

import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.archives import Member, StagedArchive
from fints_pipeline.data.formats._base import PRICES, ParsedBars
from fints_pipeline.data.sources import Claim, Source, symbol_of


def read_archive(
    staged: StagedArchive, claim: Claim, archive: str, schema: pa.Schema
) -> tuple[dict[str, pa.Table], tuple[str, ...]]:
    """Read every member that holds bars.

    Args:
        staged: The archive.
        claim: Its dataset and the members to read.
        archive: The archive's file name; errors begin with it.
        schema: Of the raw_bars table.

    Returns:
        Rows by instrument in file order, ``close_time`` one bar after ``open_time``, and notes.

    Raises:
        ArchiveError: a member cannot be read; the message names member, row and column.
    """
    tables: dict[str, list[pa.Table]] = {}
    notes = list(claim.notes)
    for member in claim.members:
        symbol = symbol_of(claim.source, member, archive)
        instrument = claim.source.config.instrument(symbol)
        bars = _read(staged, member, claim.source, archive)
        notes += [f"{member.name}: {note}" for note in bars.notes]
        rows = _rows(bars.table, instrument, claim.source, staged, schema)
        tables.setdefault(instrument, []).append(rows)
    return {name: pa.concat_tables(parts) for name, parts in tables.items()}, tuple(notes)


def _read(staged: StagedArchive, member: Member, source: Source, archive: str) -> ParsedBars:
    where = f"{archive}: {member.name}" if member.name != archive else archive
    bars = source.format.read(staged.path(member), where, source.config.timezone)
    if not bars.table.num_rows:
        raise ArchiveError("the file holds no rows", where=where)
    return bars


def _rows(
    bars: pa.Table, instrument: str, source: Source, staged: StagedArchive, schema: pa.Schema
) -> pa.Table:
    count = bars.num_rows
    stamp = pa.timestamp("us", "UTC")
    length = pa.scalar(timedelta(minutes=source.format.bar_minutes), pa.duration("us"))
    volume = bars.column("volume") if source.config.has_volume else pa.nulls(count, pa.float64())
    columns = {
        "instrument": pa.repeat(instrument, count),
        "open_time": bars.column("open_time"),
        "close_time": pc.add(bars.column("open_time"), length),
        **{name: bars.column(name) for name in PRICES},
        "volume": volume,
        "archive": pa.repeat(staged.sha256, count),
        "source_row": bars.column("source_row"),
        "known_at": pa.repeat(pa.scalar(staged.known_at, stamp), count),
    }
    return pa.table([columns[name] for name in schema.names], schema=schema)
