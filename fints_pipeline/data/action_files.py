"""Splits and dividends from a ``corporate_actions`` file in a dataset's inbox folder.

`action_rows` tells how one is written, as CSV or as YAML.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa

from fints_pipeline.base.lake import Lake, Lineage, TableKey, series_key
from fints_pipeline.base.lake.contract import TableValidator
from fints_pipeline.data.action_rows import checked, read_csv_rows, read_yaml_rows
from fints_pipeline.data.slices import SliceChange
from fints_pipeline.data.tickers import Spell

FILE_NAMES = ("corporate_actions.csv", "corporate_actions.yaml", "corporate_actions.yml")
TABLE = "corporate_actions"
EVENT = "event"
ALL_MONTHS = "all"
CODE_VERSION = "action_files 1"
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
    return name.casefold() in FILE_NAMES


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
        `ACTIONS_SCHEMA`; no rows where the file has none.

    Raises:
        ArchiveError: the file is not written so, or a row is wrong; the message names it.
    """
    read = read_csv_rows if where.casefold().endswith(".csv") else read_yaml_rows
    rows = checked(read(path, where))
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
