"""Whether a lake holds what it says: content against digests, schemas, lineage, bundles."""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import pyarrow.compute as pc
import pyarrow.parquet as pq

from fints_pipeline.base.errors import LakeError, UserError
from fints_pipeline.base.lake import Lake, Lineage
from fints_pipeline.base.lake.lake import content_digest
from fints_pipeline.base.lake.lineage import ABSENT, current_digest, stands_for_another
from fints_pipeline.data.catalog.contracts import MIGRATE, contract_of, is_outdated
from fints_pipeline.data.catalog.inventory import DAMAGE, Inventory, Partition, footer_of
from fints_pipeline.data.maintenance.bundle_files import bundle_keys, manifests

Kind = Literal["damaged", "older schema", "stale"]
_EXTERNAL = "archives/"
"""Inputs under this name come from outside the lake: their digest is history, not a reference."""


@dataclass(frozen=True)
class Finding:
    """Something wrong with one partition or bundle.

    Attributes:
        kind: ``damaged`` content, an ``older schema``, or ``stale``: its inputs have changed.
        name: The partition or bundle, as lineage spells it.
        reason: What is wrong.
        fix: What to do about it.
    """

    kind: Kind
    name: str
    reason: str
    fix: str


def verify(lake: Lake) -> Iterator[Finding]:
    """Read the whole lake and yield what is wrong, damaged partitions first.

    A partition is hashed anew and held against its footer's digest; its schema's fingerprint
    against this version's, and for tables whose schema their stage alone can tell, against the
    other partitions'; its inputs' digests against what lies in the lake. Bundles' files are hashed
    and held against their manifests.
    """
    inventory = Inventory(lake)
    partitions = inventory.look()
    for path, reason in sorted(inventory.damaged.items()):
        yield Finding("damaged", str(path.relative_to(lake.root)), reason, _REMAKE)
    for one in partitions:
        yield from _content(one)
    yield from _bundle_files(lake)
    for one in partitions:
        if is_outdated(one):
            reason = f"written with schema {one.footer.schema_fingerprint}"
            yield Finding("older schema", str(one.key), reason, f"`{MIGRATE}`")
    yield from _mixed(partitions)
    published = manifests(lake)
    now = {str(one.key): one.footer.digest for one in partitions}
    now |= {name: manifest.digest for name, manifest in published.items()}
    for one in partitions:
        now |= _meant(lake, one.footer.lineage)
        yield from _lineage(str(one.key), one.footer.lineage, now)
    for name, manifest in published.items():
        yield from _lineage(name, manifest.lineage, now)


_REMAKE = "materialise it again; raw bars: ingest their archives again"


def _content(one: Partition) -> Iterator[Finding]:
    name = str(one.key)
    try:
        with pq.ParquetFile(one.path) as file:
            footer = footer_of(file.schema_arrow, one.path)
            table = file.read().replace_schema_metadata(None)
    except (UserError, *DAMAGE) as error:
        yield Finding("damaged", name, f"cannot be read: {error}", _REMAKE)
        return
    digest = content_digest(table, footer.extra)
    if digest != footer.digest:
        yield Finding("damaged", name, f"hashes to {digest}, not {footer.digest}", _REMAKE)
    elif table.num_rows != footer.rows:
        yield Finding("damaged", name, f"{table.num_rows} rows, not {footer.rows}", _REMAKE)
    for column, (low, high) in one.ranges.items():
        found = pc.min_max(table.column(column)).as_py()
        if (found["min"], found["max"]) != (low, high):
            yield Finding("damaged", name, f"statistics of {column} are wrong", _REMAKE)


def _mixed(partitions: Iterable[Partition]) -> Iterator[Finding]:
    """Yield partitions of tables without a contract here whose schema is not the newest one's."""
    tables: dict[str, list[Partition]] = defaultdict(list)
    for one in partitions:
        if contract_of(one.key.table, one.schema.names) is None:
            tables[one.key.table].append(one)
    for found in tables.values():
        newest = max(found, key=lambda one: one.path.stat().st_mtime_ns)
        for one in found:
            if one.footer.schema_fingerprint != newest.footer.schema_fingerprint:
                reason = f"written with another schema than {newest.key}"
                yield Finding("older schema", str(one.key), reason, "materialise it again")


def _bundle_files(lake: Lake) -> Iterator[Finding]:
    for key in bundle_keys(lake):
        try:
            lake.open_bundle(key)
        except UserError as error:
            reason = f"{error.what}: {error.where}"
            yield Finding("damaged", str(key), reason, f"materialise {key} again")


def _meant(lake: Lake, lineage: Lineage) -> dict[str, str]:
    """Return what inputs that stand for others are now; a damaged one counts as gone."""
    found = {}
    for name in filter(stands_for_another, lineage.inputs):
        with contextlib.suppress(LakeError):
            found[name] = current_digest(lake, name)
    return found


def _lineage(name: str, lineage: Lineage, now: Mapping[str, str]) -> Iterator[Finding]:
    reasons = []
    for source, was in sorted(lineage.inputs.items()):
        current = now.get(source, ABSENT)
        if source.startswith(_EXTERNAL) or current == was:
            continue
        if was == ABSENT:
            reasons.append(f"{source} has arrived")
        else:
            reasons.append(f"{source} {'is gone' if current == ABSENT else 'changed'}")
    if reasons:
        more = f" and {len(reasons) - 1} more" if len(reasons) > 1 else ""
        yield Finding("stale", name, reasons[0] + more, "materialise it again")
