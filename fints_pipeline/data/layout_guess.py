"""What an unknown table seems to be: a layout for ``format: custom``, with the evidence for it."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from fints_pipeline.data.epochs import UNITS, units_of
from fints_pipeline.data.formats._base import is_number, not_text, sample_lines
from fints_pipeline.data.source_file import SourceFile

SYNONYMS = {
    "time": ("timestamp", "datetime", "date_time", "open_time", "opentime", "gmt_time",
             "local_time", "unix", "start", "date", "time", "t"),
    "open": ("open", "o", "first", "open_price"),
    "high": ("high", "h", "max", "high_price"),
    "low": ("low", "l", "min", "low_price"),
    "close": ("close", "c", "last", "close_price"),
    "volume": ("volume", "vol", "v", "tickvol", "tick_volume", "qty", "amount"),
    "symbol": ("symbol", "ticker", "sym", "instrument", "pair", "code"),
}  # fmt: skip
SEPARATORS = (",", ";", "\t", "|", " ")
TIME_FORMATS = (
    "%Y%m%d %H%M%S", "%Y%m%d %H:%M:%S", "%Y%m%d %H:%M", "%Y%m%d", "%Y.%m.%d %H:%M:%S",
    "%Y.%m.%d %H:%M", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d.%m.%Y %H:%M:%S.%f",
    "%d.%m.%Y %H:%M:%S", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M",
    "%m/%d/%Y", "%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%d/%m/%Y",
)  # fmt: skip
_NEEDED = ("time", "open", "high", "low", "close")


@dataclass
class Guess:
    """A layout, perhaps an incomplete one.

    Attributes:
        layout: For the ``layout:`` section of a data set with ``format: custom``.
        evidence: What speaks for it.
        open_questions: What a person has to look at.
    """

    layout: dict[str, Any] = field(default_factory=dict)
    evidence: list[str] = field(default_factory=list)
    open_questions: list[str] = field(default_factory=list)

    @property
    def complete(self) -> bool:
        """Whether the bars can be read with it."""
        return all(name in self.layout.get("columns", {}) for name in _NEEDED)


def guess_layout(file: SourceFile) -> Guess:
    """Return what a file's first rows, or its columns, suggest."""
    if file.schema is not None:
        guess = Guess()
        _name_columns(guess, file.schema.names)
        return guess
    fault = not_text(file.head)
    if fault:
        return Guess(open_questions=[fault])
    return _guess_text(sample_lines(file.head))


def _guess_text(lines: Sequence[str]) -> Guess:
    guess = Guess()
    separator = _separator(lines)
    if separator is None:
        guess.open_questions.append("no separator gives every line the same number of cells")
        return guess
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines, delimiter=separator)]
    guess.evidence.append(f"{len(rows[0])} cells a line, separated by {separator!r}")
    if separator != ",":
        guess.layout["separator"] = separator
        if any("," in cell and is_number(cell.replace(",", ".")) for row in rows for cell in row):
            guess.layout["decimal"] = ","
            guess.evidence.append("decimal commas")
    has_header = not any(is_number(cell) for cell in rows[0]) and len(rows) > 1
    if has_header:
        guess.evidence.append(f"a header: {', '.join(rows[0])}")
        _name_columns(guess, rows[0])
        names, body = rows[0], rows[1:]
    else:
        guess.evidence.append("no header")
        _place_columns(guess, rows)
        names, body = [str(at) for at in range(1, len(rows[0]) + 1)], rows
    _guess_time(guess, names, body)
    return guess


def _separator(lines: Sequence[str]) -> str | None:
    """Return the separator that gives every line the same number of cells, and the most of them."""
    best, most = None, 4
    for separator in SEPARATORS:
        counts = {len(row) for row in csv.reader(lines, delimiter=separator)}
        if len(counts) == 1 and (count := counts.pop()) > most:
            best, most = separator, count
    return best


def _name_columns(guess: Guess, names: Sequence[str]) -> None:
    plain = {_plain(name): name for name in names}
    columns: dict[str, Any] = {}
    for meaning, synonyms in SYNONYMS.items():
        found = next((plain[synonym] for synonym in synonyms if synonym in plain), None)
        if found is not None:
            columns[meaning] = found
            if _plain(found) != meaning:
                guess.evidence.append(f"column {found!r} taken for {meaning}")
    if "date" in plain and "time" in plain:
        columns["time"] = [plain["date"], plain["time"]]
        guess.evidence.append("date and time in two columns")
    missing = [name for name in _NEEDED if name not in columns]
    if missing:
        guess.open_questions.append(
            f"no column seems to hold {', '.join(missing)} among {', '.join(names)}"
        )
    guess.layout["columns"] = columns


def _plain(name: str) -> str:
    return "_".join(name.strip(" <>\"'").casefold().replace("-", " ").split())


def _place_columns(guess: Guess, rows: Sequence[Sequence[str]]) -> None:
    """Tell columns by position: stamps first, then four prices, then volume."""
    decimal = guess.layout.get("decimal", ".")
    stamps = next((at for at in range(len(rows[0])) if _is_stamp([row[at] for row in rows])), None)
    if stamps is None:
        guess.open_questions.append("no column seems to hold stamps")
        return
    columns: dict[str, Any] = {"time": stamps + 1}
    follows = stamps + 1
    if follows < len(rows[0]) and ":" in rows[0][follows]:
        columns["time"] = [stamps + 1, stamps + 2]
        follows += 1
    if stamps == 1 and not is_number(rows[0][0]):
        columns["symbol"] = 1
    numeric = [
        at
        for at in range(follows, len(rows[0]))
        if all(is_number(row[at].replace(decimal, ".")) for row in rows if row[at])
    ]
    if len(numeric) < 4:
        guess.open_questions.append("fewer than four columns of numbers follow the stamps")
        guess.layout["columns"] = columns
        return
    for meaning, at in zip(("open", "high", "low", "close", "volume"), numeric, strict=False):
        columns[meaning] = at + 1
    guess.open_questions.append("without a header, open, high, low, close are taken in this order")
    guess.layout["columns"] = columns


def _is_stamp(cells: Sequence[str]) -> bool:
    if all(cell.isdecimal() for cell in cells):
        return all(_epoch_unit(cell) is not None or _matches(cells, "%Y%m%d") for cell in cells)
    return not all(map(is_number, cells)) and _time_format(cells) is not None


def _guess_time(guess: Guess, names: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    told = guess.layout.get("columns", {}).get("time")
    if told is None or not rows:
        return
    parts = told if isinstance(told, list) else [told]
    at = [names.index(str(part)) for part in parts]
    cells = [" ".join(row[index] for index in at) for row in rows]
    if all(cell.isdecimal() for cell in cells) and (unit := _epoch_unit(cells[0])):
        guess.evidence.append(f"stamps are epochs in {unit}, by their size")
        return
    found = _time_format(cells)
    if found is None:
        guess.open_questions.append(f"stamps like {cells[0]!r} are in no format that was tried")
    elif found:
        guess.layout["time_format"] = found
        guess.evidence.append(f"stamps like {cells[0]!r} read as {found}")
        if found.startswith(("%m/%d", "%d/%m")):
            guess.open_questions.append("is the day or the month first in the stamps?")
    else:
        guess.evidence.append(f"stamps like {cells[0]!r} are ISO 8601")


def _epoch_unit(cell: str) -> str | None:
    if not cell.isdecimal() or len(cell) > 18:
        return None
    index = int(units_of(pd.array([int(cell)], dtype="int64").to_numpy())[0])
    return UNITS[index] if index >= 0 else None


def _time_format(cells: Sequence[str]) -> str | None:
    """Return the format that reads every cell: ``""`` for ISO 8601, None where none does."""
    if _matches(cells, "ISO8601") and not all(cell.isdecimal() for cell in cells):
        return ""
    return next((text for text in TIME_FORMATS if _matches(cells, text)), None)


def _matches(cells: Sequence[str], text_format: str) -> bool:
    try:
        pd.to_datetime(pd.Series(cells), format=text_format, utc=text_format == "ISO8601")
    except (ValueError, TypeError, OverflowError):
        return False
    return True
