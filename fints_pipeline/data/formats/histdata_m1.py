"""HistData's ASCII 1-minute bars: ``YYYYMMDD HHMMSS;open;high;low;close;volume``, no header.

Bid prices, stamped at the start of the bar, in a naive clock that the dataset declares. The vendor
documents it as EST without daylight saving; measured on its files of 2018 it is New York wall
clock. Volume is always 0 there: a dataset says so with ``has_volume: false``.
Source: https://www.histdata.com/f-a-q/data-files-detailed-specification/
"""

from __future__ import annotations

import re

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.data.csv_table import bad_cell, read_csv
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

COLUMNS = ("stamp", *PRICES, "volume")
_TYPES = {"stamp": pa.string(), **{name: pa.float64() for name in (*PRICES, "volume")}}
_MEMBER = re.compile(r"^DAT_ASCII_(.+)_M1_\d{4}(\d{2})?\.csv$", re.IGNORECASE)
_ARCHIVE = re.compile(r"^HISTDATA_COM_ASCII_(.+)_M1_?\d{4}(\d{2})?\.zip$", re.IGNORECASE)
_STAMP = re.compile(r"^\d{8} \d{4}00$")
_STAMP_LENGTH = 15
FIRST_YEAR, LAST_YEAR = 1900, 2200
_EXPECTED = "a stamp like 20180131 170000"


class HistdataM1(Format):
    """HistData generic ASCII, 1-minute bars."""

    def recognise(self, file: SourceFile) -> Evidence:
        """Look for six semicolon-separated columns that begin with a stamp."""
        if fault := not_text(file.head):
            return Evidence(False, (fault,))
        lines = sample_lines(file.head)
        faults = [fault for fault in map(_fault, lines) if fault is not None]
        if len(faults) * 2 >= len(lines):
            return Evidence(False, (f"first misfit: {faults[0]}",))
        return Evidence(
            True, ("6 semicolon-separated columns", "no header", "YYYYMMDD HHMMSS first")
        )

    def symbol_in(self, name: str) -> str | None:
        """Return ``EURUSD`` of ``DAT_ASCII_EURUSD_M1_2018.csv``."""
        match = _MEMBER.match(name) or _ARCHIVE.match(name)
        return match[1] if match else None

    def read(self, file: SourceFile) -> ParsedBars:
        """Read the bars; stamps are taken for wall clock of the file's zone."""
        table = read_csv(file.path, file.where, COLUMNS, _TYPES, delimiter=";")
        local = parse_stamps(table.column("stamp"), file.where)
        return ParsedBars(parsed(to_utc(local, file.timezone, file.where), table))


def parse_stamps(stamps: pa.ChunkedArray, where: str) -> npt.NDArray[np.datetime64]:
    """Return ``YYYYMMDD HHMMSS`` strings as naive stamps, refusing days that do not exist.

    Arrow's and C's strptime take 30 February for 2 March; here digits and calendar are checked.

    Returns:
        (n,) datetime64[s].

    Raises:
        ArchiveError: a stamp is not one; the message names row and value.
    """
    lengths = pc.fill_null(pc.binary_length(stamps), 0).to_numpy(zero_copy_only=False)
    _refuse_first(lengths != _STAMP_LENGTH, stamps, where)
    fixed = stamps.combine_chunks().cast(pa.binary()).cast(pa.binary(_STAMP_LENGTH))
    if isinstance(fixed, pa.ChunkedArray):
        fixed = pa.concat_arrays(fixed.chunks)
    text = np.frombuffer(fixed.buffers()[1], dtype=np.uint8)
    start = fixed.offset * _STAMP_LENGTH
    rows = text[start : start + len(fixed) * _STAMP_LENGTH].reshape(-1, _STAMP_LENGTH)
    characters = np.ascontiguousarray(rows.T)
    digits = np.delete(characters, 8, axis=0) - np.uint8(ord("0"))  # below "0" wraps past 9
    bad = (characters[8] != ord(" ")) | (digits > 9).any(axis=0)
    _refuse_first(bad, stamps, where)
    days, known = _days(_number(digits[:8]))
    hour, minute, second = (_number(digits[at : at + 2]) for at in (8, 10, 12))
    _refuse_first(~known | (hour > 23) | (minute > 59) | (second > 59), stamps, where)
    clock: npt.NDArray[np.datetime64] = days.astype("datetime64[s]") + (
        hour * 3600 + minute * 60 + second
    )
    return clock


def _number(digits: npt.NDArray[np.uint8]) -> npt.NDArray[np.int32]:
    """Return the number that rows of digits, the highest first, make. (D, n) to (n,)."""
    value: npt.NDArray[np.int32] = digits[0].astype(np.int32)
    for row in digits[1:]:
        value = value * 10 + row
    return value


def _days(dates: npt.NDArray[np.int32]) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.bool_]]:
    """Return the days of numbers like 20180131, and which of them exist."""
    starts = np.flatnonzero(np.r_[True, dates[1:] != dates[:-1]]) if dates.size else dates[:0]
    date = dates[starts]
    year, month, day = date // 10_000, date // 100 % 100, date % 100
    months = ((year - 1970) * 12 + month - 1).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (day - 1)
    known = (year >= FIRST_YEAR) & (year <= LAST_YEAR) & (month >= 1) & (month <= 12) & (day >= 1)
    known &= days.astype("datetime64[M]") == months
    sizes = np.diff(np.r_[starts, dates.size])
    return np.repeat(days, sizes), np.repeat(known, sizes)


def _refuse_first(bad: npt.NDArray[np.bool_], stamps: pa.ChunkedArray, where: str) -> None:
    if bad.any():
        row = int(np.argmax(bad))
        raise bad_cell(where, row + 1, "stamp", stamps[row].as_py() or "", _EXPECTED)


def _fault(line: str) -> str | None:
    """Return why a line is no bar of this format, or None."""
    cells = line.split(";")
    if len(cells) != len(COLUMNS):
        return f"{len(cells)} semicolon-separated columns, not {len(COLUMNS)}"
    if not _STAMP.match(cells[0]):
        return f"{cells[0][:20]!r} is not {_EXPECTED}"
    if not all(is_number(cell) for cell in cells[1:] if cell):
        return "a price or volume is no number"
    return None
