"""What is said of a partition whose file cannot be read."""

from __future__ import annotations

from fints_pipeline.base.errors import DamagedError
from fints_pipeline.base.lake.keys import TableKey


def is_raw(table: str) -> bool:
    """Return whether a table holds what was delivered, which nothing in the lake can make again."""
    return table.startswith("raw_") or table == "corporate_actions"


def damaged(key: TableKey, reason: object, where: str) -> DamagedError:
    """Return the error of a partition whose file is damaged.

    Args:
        key: The partition.
        reason: What was found when it was read.
        where: Its file.
    """
    remake = "`python -m fints_pipeline.backfill` makes it again"
    if is_raw(key.table):
        drop = f"`python -m fints_pipeline.data drop --apply '{key}'`"
        remake = f"{drop} and ingest read it again from the inbox"
    fix = f"{remake}; `python -m fints_pipeline.data verify` lists all that is damaged"
    return DamagedError(f"the partition {key} cannot be read: {reason}", where=where, fix=fix)
