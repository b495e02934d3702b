"""The columns of a Yahoo-like file: one header level, or two of field and ticker."""

from __future__ import annotations

import ast
import csv
from dataclasses import dataclass, field

from fints_pipeline.data.formats._base import not_text, sample_lines
from fints_pipeline.data.source_file import SourceFile

DATE = "Date"
PRICES = {"Open": "open", "High": "high", "Low": "low", "Close": "close"}
VOLUME, DIVIDENDS, SPLITS, ADJUSTED = "Volume", "Dividends", "Stock Splits", "Adj Close"
_MARKS = (ADJUSTED, DIVIDENDS, SPLITS)
_FIELDS = (*PRICES, VOLUME, *_MARKS)


@dataclass
class Columns:
    """Where a file keeps what.

    Attributes:
        names: Every column as the file calls it; of a CSV file in its order.
        date: The column of dates.
        fields: By ticker (None where the file has one level), the column of each field.
        header: Lines of a CSV file above its rows.
    """

    names: list[str]
    date: str
    fields: dict[str | None, dict[str, str]] = field(default_factory=dict)
    header: int = 0

    @property
    def levels(self) -> int:
        """How many levels the header has."""
        return 1 if None in self.fields else 2


def columns_of(file: SourceFile) -> Columns | str:
    """Return a file's columns, or why they are not Yahoo-like."""
    if file.schema is not None:
        return _checked(_columnar(file.schema.names))
    if fault := not_text(file.head):
        return fault
    rows = list(csv.reader(sample_lines(file.head)[:3]))
    return _checked(_text(rows))


def _columnar(names: list[str]) -> Columns:
    found = Columns(names, DATE)
    for name in names:
        level = _pair(name)
        if name == DATE or level == (DATE, ""):
            found.date = name
        elif level is not None and level[0] in _FIELDS:
            found.fields.setdefault(level[1], {})[level[0]] = name
        elif name in _FIELDS:
            found.fields.setdefault(None, {})[name] = name
    return found


def _text(rows: list[list[str]]) -> Columns:
    first = rows[0]
    if first[0].strip().casefold() in {DATE.casefold(), "datetime"}:
        fields: dict[str | None, dict[str, str]] = {
            None: {name: name for name in first if name in _FIELDS}
        }
        return Columns(first, first[0], fields, header=1)
    if len(rows) < 2 or len(rows[1]) != len(first):
        return Columns(first, "")
    names = [f"{level}|{ticker}" for level, ticker in zip(first, rows[1], strict=True)]
    found = Columns(names, names[0], header=3 if rows[2:] and rows[2][0] == DATE else 2)
    for name, level, ticker in zip(names[1:], first[1:], rows[1][1:], strict=True):
        if level in _FIELDS:
            found.fields.setdefault(ticker, {})[level] = name
    return found


def _pair(name: str) -> tuple[str, str] | None:
    """Return the two levels of a column that pandas wrote as ``('Close', 'AAPL')``."""
    if not name.startswith("("):
        return None
    try:
        value = ast.literal_eval(name)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    if isinstance(value, tuple) and len(value) == 2 and all(isinstance(v, str) for v in value):
        return value
    return None


def _checked(found: Columns) -> Columns | str:
    if found.date not in found.names:
        return f"no column {DATE!r}"
    if not found.fields:
        return "no columns of prices"
    for ticker, fields in found.fields.items():
        missing = [name for name in (*PRICES, VOLUME) if name not in fields]
        if missing:
            return f"no column {missing[0]!r}" + (f" of {ticker}" if ticker else "")
    if not any(mark in fields for fields in found.fields.values() for mark in _MARKS):
        return f"none of the columns {', '.join(_MARKS)}"
    return found
