"""What explains an experiment's models, as the bundle `explanations/<experiment>` holds it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import BundleKey, Lake
from fints_pipeline.schemas.explanations import TABLES

NOTES_FILE = "explain.json"


@dataclass(frozen=True)
class Explanations:
    """Tables by `schemas.explanations`.

    Attributes:
        importances: a row each model, fold, method, group and name; fold "all" over the folds.
        attribution: a row each model, token field and value: what drove its trades.
        completeness: a row each model, fold, method and input: whether sums are what they explain.
        attention: maps of each layer and head.
        not_told: why a method is absent, by model and method.
        null_level: probability of the attribution's band by chance; None where it was not noted.
        digest: of the bundle they were read from; "" before they are published.
    """

    importances: pd.DataFrame
    attribution: pd.DataFrame
    completeness: pd.DataFrame
    attention: pd.DataFrame
    not_told: Mapping[str, Mapping[str, str]]
    null_level: float | None = None
    digest: str = ""


def explanations_key(experiment: str) -> BundleKey:
    """Return the key of an experiment's explanations."""
    return BundleKey.of("explanations", experiment=experiment)


def write_explanations(folder: Path, found: Explanations) -> None:
    """Write the tables, each validated, into an empty folder.

    Raises:
        SchemaError: a table is not as its schema wants it.
    """
    for name, contract in TABLES.items():
        table: pa.Table = to_arrow(getattr(found, name), contract.arrow_schema)
        contract.validate(table)
        pq.write_table(table, folder / f"{name}.parquet", compression="zstd")
    notes = {"not_told": found.not_told, "null_level": found.null_level}
    text = json.dumps(notes, indent=1, sort_keys=True)
    (folder / NOTES_FILE).write_text(text + "\n", encoding="utf-8")


def read_explanations(lake: Lake, experiment: str, backtest_digest: str) -> Explanations | None:
    """Return what explains one backtest; None where there is nothing, or it is of another.

    Args:
        lake: the lake.
        experiment: its name.
        backtest_digest: of the bundle `backtests/<experiment>`.

    Raises:
        LakeError: a file is damaged.
        SchemaError: a table is not as its schema wants it.
    """
    key = explanations_key(experiment)
    try:
        manifest = lake.bundle_manifest(key)
    except KeyNotFoundError:
        return None
    backtest = str(BundleKey.of("backtests", experiment=experiment))
    if manifest.lineage.inputs.get(backtest) != backtest_digest:
        return None
    folder = lake.open_bundle(key)
    frames = {}
    for name, contract in TABLES.items():
        table = pq.read_table(folder / f"{name}.parquet")
        contract.validate(table)
        frames[name] = to_pandas(table)
    notes = json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))
    return Explanations(
        **frames,
        not_told=notes["not_told"],
        null_level=notes.get("null_level"),
        digest=manifest.digest,
    )
