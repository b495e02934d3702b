"""Splits and dividends from a ``corporate_actions.csv`` in a dataset's inbox folder.

Columns ``symbol, ex_date, kind, value``, with a header: ``AAPL,2014-06-09,split,7`` is seven new
shares for each old one; a dividend's value is quote currency a share.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from fints_pipeline.base.errors import ArchiveError, UserError
from fints_pipeline.base.lake import Lake, Lineage, TableKey, series_key
from fints_pipeline.base.lake.contract import TableValidator
from fints_pipeline.data.csv_table import NO_ROWS, bad_cell, read_csv
from fints_pipeline.data.formats._base import check_symbol
from fints_pipeline.data.slices import SliceChange
from fints_pipeline.data.tickers import Spell

FILE_NAME = "corporate_actions.csv"
TABLE = "corporate_actions"
EVENT = "event"
ALL_MONTHS = "all"
CODE_VERSION = "action_files 1"
COLUMNS = ("symbol", "ex_date", "kind", "value")
KINDS = ("split", "dividend")
_TYPES = {
    "symbol": pa.string(),
    "ex_date": pa.date32(),
    "kind": pa.string(),
    "value": pa.float64(),
}
_Row: TypeAlias = dict[str, Any]
ACTIONS_SCHEMA = pa.schema(
    [
        pa.field("instrument", pa.string(), nullable=False),
        pa.field("ex_date", pa.date32(), nullable=False),
        pa.field("kind", pa.string(), nullable=False),
        pa.field("value", pa.float64(), nullable=False),
        pa.field("known_at", pa.timestamp("us", "UTC"), nullable=False),
    ]
)


def is_action_file(name: str) -> bool:
    """Return whether a file is one of corporate actions, by its name."""
    return name.casefold() == FILE_NAME


def action_key(instrument: str) -> TableKey:
    """Return the partition of one instrument's actions; one holds them all, they are few."""
    return series_key(TABLE, EVENT, instrument, ALL_MONTHS)


def read_actions(path: Path, where: str, dataset: str, known_at: datetime) -> pa.Table:
    """Read one file.

    Args:
        path: The file.
        where: How errors name it.
        dataset: Name of the dataset that its symbols belong to.
        known_at: When it was delivered, UTC.

    Returns:
        `ACTIONS_SCHEMA`; no rows where the file has only a header.

    Raises:
        ArchiveError: the header is another one, or a row is wrong; the message names it.
    """
    _check_header(path, where)
    try:
        table = read_csv(path, where, COLUMNS, _TYPES, skip_rows=1)
    except ArchiveError as error:
        if error.what != NO_ROWS:
            raise
        table = pa.schema(list(_TYPES.items())).empty_table()
    rows = table.to_pylist()
    for number, row in enumerate(rows, start=2):
        _check_row(row, number, where)
    _check_one_split_a_day(rows, where)
    columns = {
        "instrument": [f"{dataset}.{row['symbol']}" for row in rows],
        **{name: [row[name] for row in rows] for name in ("ex_date", "kind", "value")},
        "known_at": [known_at] * len(rows),
    }
    return pa.table(columns, schema=ACTIONS_SCHEMA)


def given_to(actions: pa.Table, owners: Sequence[Spell]) -> pa.Table:
    """Return actions as those of their owners, one each; where none are told, of whom they name."""
    if len(owners) != actions.num_rows:
        return actions
    names = actions.column("instrument").to_pylist()
    datasets = (name.partition(".")[0] for name in names)
    given = [f"{dataset}.{one.symbol}" for dataset, one in zip(datasets, owners, strict=True)]
    return actions.set_column(0, ACTIONS_SCHEMA.field(0), pa.array(given, pa.string()))


def merge_actions(
    lake: Lake,
    actions: pa.Table,
    archive: str,
    validator: TableValidator,
    withdrawn: pa.Table | None = None,
) -> tuple[list[SliceChange], list[TableKey]]:
    """Add a delivery's actions to the lake.

    A value that differs from the one known before it stands beside it with its own ``known_at``;
    one that repeats it adds nothing.

    Args:
        lake: The lake.
        actions: `ACTIONS_SCHEMA`, of any instruments.
        archive: SHA-256 of the file.
        validator: The schema of corporate actions.
        withdrawn: The same delivery's actions as they were read before; those that are none of
            ``actions`` leave the lake.

    Returns:
        The partitions whose content changed, and all that hold the actions.
    """
    changes, keys = [], []
    new = actions.to_pylist()
    kept = {tuple(row.values()) for row in new}
    before_rows = withdrawn.to_pylist() if withdrawn is not None else []
    gone = [row for row in before_rows if tuple(row.values()) not in kept]
    held = {row["instrument"] for row in gone if lake.exists(action_key(row["instrument"]))}
    for instrument in sorted({row["instrument"] for row in new} | held):
        key = action_key(instrument)
        before = lake.footer(key) if lake.exists(key) else None
        inputs = {**(before.lineage.inputs if before else {}), f"archives/{archive}": archive}
        rows = [row for row in new if row["instrument"] == instrument]
        lineage = Lineage(CODE_VERSION, "", inputs)
        footer = lake.update(key, partial(_add, rows, gone), validator, lineage)
        keys.append(key)
        digest = before.digest if before else None
        if footer.digest != digest:
            changes.append(
                SliceChange(TABLE, instrument, ALL_MONTHS, digest, footer.digest, footer.rows)
            )
    return changes, keys


def _add(actions: list[_Row], gone: list[_Row], before: pa.Table | None) -> pa.Table:
    """Return a partition with ``actions`` added, without rows that repeat what was known."""
    held = before.to_pylist() if before is not None else []
    rows = [*actions, *(row for row in held if row not in gone)]
    rows.sort(key=lambda row: (row["ex_date"], row["kind"], row["known_at"], row["value"]))
    kept: list[_Row] = []
    for row in rows:
        if not kept or any(kept[-1][name] != row[name] for name in ("ex_date", "kind", "value")):
            kept.append(row)
    return pa.Table.from_pylist(kept, schema=ACTIONS_SCHEMA)


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


def _check_row(action: dict[str, object], row: int, where: str) -> None:
    for column, value in action.items():
        if value is None:
            raise bad_cell(where, row, column, "", "there (the cell is empty)")
    try:
        check_symbol(str(action["symbol"]))
    except UserError as error:
        raise ArchiveError(error.what, where=f"{where}, row {row}, column symbol") from None
    if action["kind"] not in KINDS:
        raise bad_cell(where, row, "kind", action["kind"], " or ".join(KINDS))
    value = action["value"]
    if not isinstance(value, float) or not math.isfinite(value) or value <= 0:
        raise bad_cell(where, row, "value", value, "a positive number")


def _check_one_split_a_day(rows: list[dict[str, object]], where: str) -> None:
    seen = set()
    for number, row in enumerate(rows, start=2):
        key = row["symbol"], row["ex_date"]
        if row["kind"] == "split" and key in seen:
            raise ArchiveError(
                f"{row['symbol']} splits twice on {row['ex_date']}",
                where=f"{where}, row {number}",
                fix="give one row with the product of the ratios",
            )
        if row["kind"] == "split":
            seen.add(key)
