"""Partitions of another version's schema: stamped anew where their rows fit, else to be rebuilt."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.lake import Lake, TableKey
from fints_pipeline.data.catalog.contracts import contract_of, is_outdated
from fints_pipeline.data.catalog.inventory import Inventory
from fints_pipeline.schemas.contract import TableContract

_DROP = "python -m fints_pipeline.data drop --apply"
_INGEST = "python -m fints_pipeline.data ingest"


# Tables that staging writes.
_STAGED = ("raw_bars", "corporate_actions", "ticker_history", "raw_exogenous", "raw_news")


@dataclass(frozen=True)
class Migration:
    """What to do about one partition.

    Attributes:
        key: The partition.
        fits: Its rows satisfy this version's schema, columns reordered and cast where that loses
            nothing; `apply` writes it so. Where neither was needed its digest stays, and nothing
            that was made from it becomes stale.
        reason: Why they do not; empty where they do.
        command: What rebuilds the partition where they do not.
    """

    key: TableKey
    fits: bool
    reason: str
    command: str


def plan(lake: Lake) -> Iterator[Migration]:
    """Yield what to do about every partition of another version's schema; changes nothing."""
    for one in Inventory(lake).look():
        if not is_outdated(one):
            continue
        contract = contract_of(one.key.table, one.schema.names)
        if contract is None:
            continue
        try:
            fitted(lake.read(one.key), contract)
        except SchemaError as error:
            yield Migration(one.key, False, error.what.split("\n", 1)[0], _rebuild(one.key))
        else:
            yield Migration(one.key, True, "", "")


def apply(lake: Lake, migration: Migration) -> None:
    """Write a partition that fits anew, with its own lineage.

    Raises:
        SchemaError: its rows do not fit; nothing is written.
    """
    footer = lake.footer(migration.key)
    rows = lake.read(migration.key)
    contract = contract_of(migration.key.table, rows.column_names)
    if contract is None:
        raise SchemaError(f"the schema of {migration.key.table} is not known here")
    lake.write(
        migration.key,
        fitted(rows, contract),
        contract,
        footer.lineage,
        extra=footer.extra or None,
        notes=footer.notes or None,
    )


def fitted(rows: pa.Table, contract: TableContract) -> pa.Table:
    """Return rows as a contract orders and types them.

    Raises:
        SchemaError: a column is missing or too many, a cast would lose something, a check fails.
    """
    wanted = contract.arrow_schema
    missing = sorted(set(wanted.names) - set(rows.column_names))
    surplus = sorted(set(rows.column_names) - set(wanted.names))
    if missing or surplus:
        parts = [f"lacks {', '.join(missing)}"] if missing else []
        parts += [f"has {', '.join(surplus)} besides"] if surplus else []
        raise SchemaError(f"{contract.name} {' and '.join(parts)}")
    try:
        cast = rows.select(wanted.names).cast(wanted)
    except (pa.ArrowException, ValueError) as error:
        raise SchemaError(f"{contract.name} cannot be cast: {error}") from None
    contract.validate(cast)
    return cast


def _rebuild(key: TableKey) -> str:
    """Return the command that makes a partition anew from what it was made of."""
    parts = dict(key.parts)
    if "fold" in parts:
        return f"python -m fints_pipeline.pipeline --experiment {parts['experiment']}"
    if key.table in _STAGED or key.table in ("exogenous", "news"):
        # Staging leaves alone what it finds; what is gone it reads again.
        return f"{_DROP} {shlex.quote(str(key))} && {_INGEST}"
    tags = {f"dagster/partition/{name}": parts[name] for name in ("instrument", "month")}
    return f"dagster job execute -m fints_pipeline.definitions -j data --tags '{json.dumps(tags)}'"
