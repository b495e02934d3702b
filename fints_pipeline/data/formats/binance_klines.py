"""Binance's 1-minute klines: 12 comma-separated columns, UTC epochs, with or without header.

Columns: open time, open, high, low, close, volume (base asset), close time (open + 59.999 s), quote
volume, trades, taker-buy base and quote volume, ignore. Epochs are ms, on spot from 2025 on µs.
Source: https://github.com/binance/binance-public-data
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa

from fints_pipeline.data.csv_table import read_csv
from fints_pipeline.data.epochs import UNITS, to_microseconds, units_of
from fints_pipeline.data.formats._base import (
    PRICES,
    Evidence,
    Format,
    ParsedBars,
    is_number,
    not_text,
    parsed,
    sample_lines,
    utc_only,
)
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.stamps import StampColumn

COLUMNS = (
    "open_time",
    *PRICES,
    "volume",
    "close_time",
    "quote_volume",
    "trades",
    "taker_buy_volume",
    "taker_buy_quote_volume",
    "ignore",
)
_TYPES = {"open_time": pa.int64(), **{name: pa.float64() for name in (*PRICES, "volume")}}
_NAME = re.compile(r"^(.+)-1m-\d{4}-\d{2}(-\d{2})?\.(csv|zip|csv\.gz)$", re.IGNORECASE)
# Close time is the bar's last moment in the epoch's own unit: 59.999 s, 59.999999 s …
_SHORTEST, _LONGEST = 59_000_000, 60_000_000


class BinanceKlines(Format):
    """Binance spot and futures klines of one minute."""

    def check_zone(self, timezone: str) -> None:
        """Refuse any zone but UTC, in which epochs count."""
        utc_only(self.name, timezone)

    def recognise(self, file: SourceFile) -> Evidence:
        """Look for 12 columns that begin with an epoch and span one minute."""
        head = file.head
        if fault := not_text(head):
            return Evidence(False, (fault,))
        lines = sample_lines(head)
        header = _header(lines[0])
        if header is not None and header != list(COLUMNS[:7]):
            return Evidence(False, (f"its header begins {','.join(header)!r}",))
        rows = lines[1:] if header else lines
        if not rows:
            return Evidence(False, ("a header but no rows",))
        faults = [fault for fault in map(_fault, rows) if fault is not None]
        if len(faults) * 2 >= len(rows):
            return Evidence(False, (f"first misfit: {faults[0]}",))
        return Evidence(
            True,
            (
                "12 comma-separated columns",
                "a header" if header else "no header",
                "an epoch first, and one minute from open time to close time",
            ),
        )

    def symbol_in(self, name: str) -> str | None:
        """Return ``BTCUSDT`` of ``BTCUSDT-1m-2023-01.csv``."""
        match = _NAME.match(name)
        return match[1] if match else None

    def read(self, file: SourceFile) -> ParsedBars:
        """Read the bars; the unit of each row's epoch is told by its value."""
        lines = sample_lines(file.head)
        skip = 1 if lines and _header(lines[0]) is not None else 0
        table = read_csv(file.path, file.where, COLUMNS, _TYPES, skip_rows=skip)
        column = StampColumn(table.column("open_time"), "open_time", file.where, 1 + skip)
        opened, notes = column.utc()
        return ParsedBars(parsed(opened, table, 1 + skip), notes)


def _header(line: str) -> list[str] | None:
    """Return the first seven names of a header line, spelled as in `COLUMNS`; None for data."""
    cells = [cell.strip() for cell in line.split(",")]
    if any(is_number(cell) for cell in cells):
        return None
    names = [re.sub(r"[\s_]+", "_", cell.strip('"').casefold()) for cell in cells[:7]]
    return [{"opentime": "open_time", "closetime": "close_time"}.get(name, name) for name in names]


def _fault(line: str) -> str | None:
    """Return why a line is no kline of one minute, or None."""
    cells = line.split(",")
    if len(cells) != len(COLUMNS):
        return f"{len(cells)} comma-separated columns, not {len(COLUMNS)}"
    if not (cells[0].isdecimal() and cells[6].isdecimal() and len(cells[0]) < 20 > len(cells[6])):
        return "open and close time are no whole numbers"
    if not all(is_number(cell) for cell in cells[1:6] if cell):
        return "a price or volume is no number"
    epochs = np.array([int(cells[0]), int(cells[6])], dtype=np.uint64).astype(np.int64)
    units = units_of(epochs)
    if (units < 0).any():
        return f"{cells[0]} is no epoch in {', '.join(UNITS)}"
    micros, _ = to_microseconds(epochs, "", "")
    length = int(micros[1] - micros[0])
    if not _SHORTEST <= length <= _LONGEST:
        return f"a bar lasts {(length + 500_000) // 1_000_000} s, not 60"
    return None
