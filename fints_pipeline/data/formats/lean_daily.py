"""LEAN's daily US equity bars: ``YYYYMMDD HH:MM,open,high,low,close,volume``, no header.

Raw prices × 10 000, not adjusted for anything. The file's name (``aapl.zip`` holds ``aapl.csv``) is
the ticker of the bars' days; map files beside them tell whose it was then. Factor files, called
after the instrument, give splits and dividends.
"""

from __future__ import annotations

import re
from typing import ClassVar

import pyarrow as pa

from fints_pipeline.data.csv_table import read_csv
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
from fints_pipeline.data.stamps import StampColumn

COLUMNS = ("stamp", *PRICES, "volume")
_TYPES = {"stamp": pa.string(), **dict.fromkeys((*PRICES, "volume"), pa.float64())}
_NAME = re.compile(r"^([a-z0-9][a-z0-9.]*?)\.(csv|zip)$", re.IGNORECASE)
_STAMP = re.compile(r"^\d{8} \d{2}:\d{2}$")


class LeanDaily(Format):
    """LEAN daily trade bars, and the factor and map files beside them."""

    version: ClassVar[int] = 2
    frequencies: ClassVar[tuple[str, ...]] = ("1D",)
    has_tickers: ClassVar[bool] = True

    def recognise(self, file: SourceFile) -> Evidence:
        """Look for six comma-separated columns of a stamp and whole numbers."""
        if found := _lean.companion(file):
            return found
        if fault := not_text(file.head):
            return Evidence(False, (fault,))
        lines = sample_lines(file.head)
        faults = [fault for fault in map(_fault, lines) if fault is not None]
        if len(faults) * 2 >= len(lines):
            return Evidence(False, (f"first misfit: {faults[0]}",))
        return Evidence(
            True, ("6 comma-separated columns", "YYYYMMDD HH:MM first", "prices × 10 000")
        )

    def symbol_in(self, name: str) -> str | None:
        """Return ``AAPL`` of ``aapl.csv``."""
        match = _NAME.match(name)
        return match[1].upper() if match else None

    def read(self, file: SourceFile) -> ParsedBars:
        """Read bars, the actions of a factor file, or the tickers of a map file."""
        holds = self.recognise(file).holds
        if holds != "bars":
            return _lean.read_factors(file) if holds == "actions" else _lean.read_tickers(file)
        table = _lean.unscaled(read_csv(file.path, file.where, COLUMNS, _TYPES))
        column = StampColumn(table.column("stamp"), "stamp", file.where, text_format="%Y%m%d %H:%M")
        days, notes = column.dates()
        return ParsedBars(parsed(days, table), notes)


def _fault(line: str) -> str | None:
    """Return why a line is no bar of this format, or None."""
    cells = line.split(",")
    if len(cells) != len(COLUMNS):
        return f"{len(cells)} comma-separated columns, not {len(COLUMNS)}"
    if not _STAMP.match(cells[0]):
        return f"{cells[0][:20]!r} is not a stamp like 20140609 00:00"
    if not is_number(cells[5] or "0"):
        return "the volume is no number"
    return _lean.price_fault(cells[1:5])
