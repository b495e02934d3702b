"""The rows of a corporate-actions file, written as CSV or as YAML, and what makes one wrong.

CSV has the header ``symbol,ex_date,kind,value``: ``AAPL,2014-06-09,split,7`` is seven new shares
for each old one; a dividend's value is quote currency a share. YAML is a list of the same::

    - {symbol: AAPL, ex_date: 2014-06-09, kind: split, value: 7}
    - {symbol: AAPL, ex_date: 2014-08-07, kind: dividend, value: 0.47}
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import yaml

from fints_pipeline.base.errors import ArchiveError, UserError, nearest
from fints_pipeline.data.csv_table import NO_ROWS, read_csv
from fints_pipeline.data.formats._base import check_symbol

COLUMNS = ("symbol", "ex_date", "kind", "value")
KINDS = ("split", "dividend")
_TYPES = {
    "symbol": pa.string(),
    "ex_date": pa.date32(),
    "kind": pa.string(),
    "value": pa.float64(),
}
_EXAMPLE = "{symbol: AAPL, ex_date: 2014-06-09, kind: split, value: 7}"
_LONGEST = 60


@dataclass(frozen=True)
class ActionRow:
    """One split or dividend as its file has it.

    Attributes:
        where: The file and the row, for errors.
        noun: What the file calls a part of a row.
        values: By `COLUMNS`.
    """

    where: str
    noun: str
    values: dict[str, Any]

    def error(self, column: str, expected: str) -> ArchiveError:
        """Return the error for one value."""
        text = repr(self.values[column])
        text = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
        return ArchiveError(
            f"{text} is not {expected}", where=f"{self.where}, {self.noun} {column}"
        )


def read_csv_rows(path: Path, where: str) -> list[ActionRow]:
    """Read a CSV file; rows count from 1, header included.

    Raises:
        ArchiveError: the header is another one, or a cell is not of its column's type.
    """
    _check_header(path, where)
    try:
        rows = read_csv(path, where, COLUMNS, _TYPES, skip_rows=1).to_pylist()
    except ArchiveError as error:
        if error.what != NO_ROWS:
            raise
        return []
    return [
        ActionRow(f"{where}, row {number}", "column", row) for number, row in enumerate(rows, 2)
    ]


def read_yaml_rows(path: Path, where: str) -> list[ActionRow]:
    """Read a YAML file; entries count from 1.

    Raises:
        ArchiveError: it is no YAML, no list of mappings, or a key is missing, strange or twice
            there.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8-sig"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        told = " ".join(str(error).split())[: 3 * _LONGEST]
        raise ArchiveError(f"not readable as YAML: {told}", where=where) from None
    if root is None:
        return []
    if not isinstance(root, yaml.SequenceNode):
        raise ArchiveError(
            "the file is no list of actions", where=where, fix=f"begin each with `- {_EXAMPLE}`"
        )
    return [_entry(node, number, where) for number, node in enumerate(root.value, start=1)]


def checked(rows: Sequence[ActionRow]) -> list[dict[str, Any]]:
    """Return the rows' values if all of them are right.

    Raises:
        ArchiveError: one is not; the message names it.
    """
    splits: set[tuple[str, date]] = set()
    for row in rows:
        _check(row)
        key = row.values["symbol"], row.values["ex_date"]
        if row.values["kind"] == "split" and key in splits:
            raise ArchiveError(
                f"{key[0]} splits twice on {key[1]}",
                where=row.where,
                fix="give one row with the product of the ratios",
            )
        if row.values["kind"] == "split":
            splits.add(key)
    return [row.values for row in rows]


def _check_header(path: Path, where: str) -> None:
    with path.open("rb") as stream:
        first = stream.readline(4096).decode("utf-8-sig", "replace")
    names = tuple(cell.strip().strip('"').casefold() for cell in first.split(","))
    if names != COLUMNS:
        raise ArchiveError(
            f"the header is {first.strip()[:80]!r}",
            where=f"{where}, row 1",
            fix=f"write {','.join(COLUMNS)} in the first line",
        )


def _entry(node: yaml.Node, number: int, where: str) -> ActionRow:
    place = f"{where}, entry {number} (line {node.start_mark.line + 1})"
    if not isinstance(node, yaml.MappingNode):
        raise ArchiveError("an entry has no keys", where=place, fix=f"write it like {_EXAMPLE}")
    values: dict[str, Any] = {}
    for key_node, value_node in node.value:
        key = str(key_node.value)
        if key not in COLUMNS:
            raise ArchiveError(f"no key {key!r}", where=place, fix=nearest(key, COLUMNS))
        if key in values:
            raise ArchiveError(f"the key {key} stands there twice", where=f"{place}, key {key}")
        values[key] = _scalar(value_node, f"{place}, key {key}")
    missing = [name for name in COLUMNS if name not in values]
    if missing:
        raise ArchiveError(f"the key {missing[0]} is missing", where=f"{place}, key {missing[0]}")
    return ActionRow(place, "key", values)


def _scalar(node: yaml.Node, where: str) -> object:
    """Return a value as YAML understands it; whole numbers as floats."""
    if not isinstance(node, yaml.ScalarNode):
        raise ArchiveError("a list or a mapping where one value is expected", where=where)
    try:
        value: object = yaml.SafeLoader("").construct_object(node)
    except (yaml.YAMLError, ValueError):
        raise ArchiveError(f"{node.value!r} is not a value that there is", where=where) from None
    if isinstance(value, int) and not isinstance(value, bool):
        return _float(value)
    return value


def _float(value: int) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf


def _check(row: ActionRow) -> None:
    for column, value in row.values.items():
        if value is None:
            raise row.error(column, "there (it is empty)")
    symbol, day, value = (row.values[name] for name in ("symbol", "ex_date", "value"))
    if not isinstance(symbol, str):
        raise row.error("symbol", "text: put it into quotes")
    try:
        check_symbol(symbol)
    except UserError as error:
        raise ArchiveError(error.what, where=f"{row.where}, {row.noun} symbol") from None
    if not isinstance(day, date) or isinstance(day, datetime):
        raise row.error("ex_date", "a date like 2014-06-09")
    if row.values["kind"] not in KINDS:
        raise row.error("kind", " or ".join(KINDS))
    if not isinstance(value, float) or not math.isfinite(value) or value <= 0:
        raise row.error("value", "a positive number")
