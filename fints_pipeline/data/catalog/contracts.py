"""The schema that this version gives a table, to hold against the one that it was written with."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from functools import lru_cache

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake.contract import schema_fingerprint
from fints_pipeline.base.series import KEY
from fints_pipeline.data.catalog.inventory import Partition
from fints_pipeline.schemas.contract import TableContract
from fints_pipeline.schemas.exogenous import EXOGENOUS_KEY
from fints_pipeline.schemas.labels import END_SUFFIX
from fints_pipeline.schemas.news_bars import KNOWN
from fints_pipeline.schemas.raw_exogenous import RAW_EXOGENOUS_KEY

_NOT_FEATURES = {*KEY, "is_filled"}
MIGRATE = "python -m fints_pipeline.data migrate"


def contract_of(table: str, columns: Sequence[str]) -> TableContract | None:
    """Return the contract of a table, or None for one whose schema its stage alone can tell.

    A table ``name`` has its contract in ``schemas/name.py``: as ``NAME``, or as
    ``name_contract(…)`` where a config chooses the columns; these are then taken from ``columns``.
    Tokens' contract depends on the grammar, which is not known here.
    """
    return _contract(table, tuple(columns))


def is_outdated(partition: Partition) -> bool:
    """Return whether a partition was written with another schema than this version has."""
    known = _fingerprints(partition.key.table, tuple(partition.schema.names))
    return bool(known) and partition.footer.schema_fingerprint not in known


def refuse_outdated(partition: Partition) -> None:
    """Check that a partition has this version's schema.

    Raises:
        LakeError: it has not; the message names the command that migrates the lake.
    """
    if is_outdated(partition):
        raise LakeError(
            f"{partition.key} was written with another version of its schema",
            where=str(partition.path),
            fix=f"`{MIGRATE}` tells what to do about each partition",
        )


@lru_cache(maxsize=256)
def _contract(table: str, columns: tuple[str, ...]) -> TableContract | None:
    try:
        module = importlib.import_module(f"fints_pipeline.schemas.{table}")
    except ModuleNotFoundError:
        return None
    fixed = getattr(module, table.upper(), None)
    if isinstance(fixed, TableContract):
        return fixed
    chosen = _chosen_columns(table, columns)
    if chosen is None:
        return None
    made = getattr(module, f"{table}_contract")(chosen)
    return made if isinstance(made, TableContract) else None


@lru_cache(maxsize=256)
def _fingerprints(table: str, columns: tuple[str, ...]) -> frozenset[str]:
    """Return a contract's fingerprint, with and without the checks beyond names and types.

    The training path, which has no Pandera, writes with the latter.
    """
    contract = _contract(table, columns)
    if contract is None:
        return frozenset()
    return frozenset({contract.fingerprint, schema_fingerprint(contract.arrow_schema)})


def _chosen_columns(table: str, columns: tuple[str, ...]) -> list[str] | None:
    if table == "features":
        return [name for name in columns if name not in _NOT_FEATURES]
    if table == "labels":
        ends = [name for name in columns if name.endswith(END_SUFFIX)]
        return [name.removesuffix(END_SUFFIX) for name in ends]
    if table == "exogenous":
        return [name for name in columns if name not in EXOGENOUS_KEY]
    if table == "raw_exogenous":
        return [name for name in columns if name not in RAW_EXOGENOUS_KEY]
    if table == "news_bars":
        return [name.removesuffix(f"_{KNOWN}") for name in columns if name.endswith(f"_{KNOWN}")]
    return None
