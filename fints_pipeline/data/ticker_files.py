"""Ticker histories in the lake: what map files said, every delivery of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import partial

import pyarrow as pa

from fints_pipeline.base.lake import Lake, Lineage, TableKey, series_key
from fints_pipeline.data.tickers import Spell, TickerHistory
from fints_pipeline.schemas.ticker_history import TICKER_HISTORY

TABLE = TICKER_HISTORY.name
EVENT = "event"
ALL_MONTHS = "all"
CODE_VERSION = "ticker_files 1"
_TOLD = ("ticker", "first_day", "last_day", "exchange")


def history_key(instrument: str) -> TableKey:
    """Return the partition of one instrument's history."""
    return series_key(TABLE, EVENT, instrument, ALL_MONTHS)


def read_history(lake: Lake, dataset: str) -> TickerHistory:
    """Return what the lake knows of a data set's tickers, by the latest delivery of each file."""
    names = lake.instruments(TABLE, EVENT)
    own = [name for name in names if name.partition(".")[0] == dataset]
    return history_of(lake.read(history_key(name)) for name in own)


def history_of(tables: Iterable[pa.Table]) -> TickerHistory:
    """Return the history that partitions tell, one an instrument."""
    return TickerHistory(spell for table in tables for spell in _latest(table))


def merge_history(
    lake: Lake, instrument: str, spells: pa.Table, archive: str, known_at: datetime
) -> tuple[TableKey, bool]:
    """Add one delivery of an instrument's history; one that repeats what was known adds nothing.

    Args:
        lake: The lake.
        instrument: ``dataset.SYMBOL``.
        spells: `formats._base.TICKER_FIELDS`.
        archive: SHA-256 of the file.
        known_at: When it was delivered, UTC.

    Returns:
        The partition, and whether its content changed.
    """
    key = history_key(instrument)
    before = lake.footer(key) if lake.exists(key) else None
    inputs = dict(before.lineage.inputs) if before else {}
    lineage = Lineage(CODE_VERSION, "", {**inputs, f"archives/{archive}": archive})
    rows = [
        {"instrument": instrument, **spell, "known_at": known_at} for spell in spells.to_pylist()
    ]
    footer = lake.update(key, partial(_add, rows), TICKER_HISTORY, lineage)
    return key, before is None or before.digest != footer.digest


def _add(rows: Sequence[dict[str, object]], before: pa.Table | None) -> pa.Table:
    """Return a partition with a delivery added, in the order of delivery."""
    known_at = rows[0]["known_at"]
    held = before.to_pylist() if before is not None else []
    deliveries: dict[object, list[dict[str, object]]] = {}
    for row in [*(row for row in held if row["known_at"] != known_at), *rows]:
        deliveries.setdefault(row["known_at"], []).append(row)
    kept: list[list[dict[str, object]]] = []
    for _, delivery in sorted(deliveries.items(), key=lambda item: str(item[0])):
        if not kept or _told(kept[-1]) != _told(delivery):
            kept.append(delivery)
    flat = [row for delivery in kept for row in delivery]
    return pa.Table.from_pylist(flat, schema=TICKER_HISTORY.arrow_schema)


def _told(rows: Sequence[dict[str, object]]) -> list[tuple[object, ...]]:
    return [tuple(row[name] for name in _TOLD) for row in rows]


def _latest(table: pa.Table) -> list[Spell]:
    rows = table.to_pylist()
    newest = max((row["known_at"] for row in rows), default=None)
    return [
        Spell(row["ticker"], row["first_day"], row["last_day"], row["instrument"].partition(".")[2])
        for row in rows
        if row["known_at"] == newest
    ]
