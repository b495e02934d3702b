"""LEAN's minute US equity trade bars: ``ms since midnight,open,high,low,close,volume``, no header.

A zip a day and ticker; the day and the ticker stand in the member's name alone
(``20131007_aapl_minute_trade.csv`` in ``20131007_trade.zip``); map files tell whose it was then.
Milliseconds count from midnight of the declared zone, on the clock that hangs there. Prices ×
10 000, stamped at the bar's start.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import ClassVar

import numpy as np
import pyarrow as pa

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.csv_table import bad_cell, read_csv
from fints_pipeline.data.formats import _lean
from fints_pipeline.data.formats._base import (
    PRICES,
    Evidence,
    Format,
    ParsedBars,
    is_number,
    not_text,
    parsed,
    sample_lines,
)
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.wall_clock import to_utc

COLUMNS = ("milliseconds", *PRICES, "volume")
_TYPES = {"milliseconds": pa.int64(), **dict.fromkeys((*PRICES, "volume"), pa.float64())}
_NAME = re.compile(r"^(\d{8})_([a-z0-9][a-z0-9.]*)_minute_trade\.csv$", re.IGNORECASE)
_FACTOR_NAME = re.compile(r"^([a-z0-9][a-z0-9.]*?)\.csv$", re.IGNORECASE)
_DAY_MS = 86_400_000
_MINUTE_MS = 60_000


class LeanMinute(Format):
    """LEAN minute trade bars, and the factor and map files beside them."""

    version: ClassVar[int] = 2
    has_tickers: ClassVar[bool] = True

    def recognise(self, file: SourceFile) -> Evidence:
        """Look for a name with a day, and six columns of whole numbers within it."""
        if found := _lean.companion(file):
            return found
        if fault := not_text(file.head):
            return Evidence(False, (fault,))
        if _named(file) is None:
            reason = f"{file.names[0]!r} is not named like 20131007_aapl_minute_trade.csv"
            return Evidence(False, (reason,))
        lines = sample_lines(file.head)
        faults = [fault for fault in map(_fault, lines) if fault is not None]
        if len(faults) * 2 >= len(lines):
            return Evidence(False, (f"first misfit: {faults[0]}",))
        return Evidence(
            True,
            ("a day in its name", "6 comma-separated columns", "ms since midnight first",
             "prices × 10 000"),
        )  # fmt: skip

    def symbol_in(self, name: str) -> str | None:
        """Return ``AAPL`` of ``20131007_aapl_minute_trade.csv``."""
        match = _NAME.match(name)
        if match:
            return match[2].upper()
        factors = _FACTOR_NAME.match(name)
        return factors[1].upper() if factors else None

    def read(self, file: SourceFile) -> ParsedBars:
        """Read bars, the actions of a factor file, or the tickers of a map file."""
        holds = self.recognise(file).holds
        if holds != "bars":
            return _lean.read_factors(file) if holds == "actions" else _lean.read_tickers(file)
        day = _day(file)
        table = _lean.unscaled(read_csv(file.path, file.where, COLUMNS, _TYPES))
        column = table.column("milliseconds")
        since = column.fill_null(-1).to_numpy()
        wrong = (since < 0) | (since >= _DAY_MS)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise bad_cell(
                file.where, row + 1, "milliseconds", column[row].as_py(), "a time of the day in ms"
            )
        local = day.astype("datetime64[ms]") + since.astype("timedelta64[ms]")
        return ParsedBars(parsed(to_utc(local, file.timezone, file.where), table))


def _named(file: SourceFile) -> re.Match[str] | None:
    return _NAME.match(file.names[0])


def _day(file: SourceFile) -> np.datetime64:
    match = _named(file)
    try:
        return np.datetime64(datetime.strptime(match[1] if match else "", "%Y%m%d"), "D")
    except ValueError:
        raise ArchiveError(
            "the member's name holds no day", where=file.where, fix="restore its original name"
        ) from None


def _fault(line: str) -> str | None:
    """Return why a line is no bar of this format, or None."""
    cells = line.split(",")
    if len(cells) != len(COLUMNS):
        return f"{len(cells)} comma-separated columns, not {len(COLUMNS)}"
    if not cells[0].isdecimal() or int(cells[0]) >= _DAY_MS or int(cells[0]) % _MINUTE_MS:
        return f"{cells[0][:20]!r} is no whole minute of a day in ms"
    if not is_number(cells[5] or "0"):
        return "the volume is no number"
    return _lean.price_fault(cells[1:5])
