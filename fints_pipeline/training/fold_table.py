"""The fold table of an experiment in the lake: bundle `fold_tables/<experiment>`.

It holds folds.csv and folds.parquet (one row a fold and span), intervals.parquet (what is drawn),
paths.csv (of a cross-validation) and timeline.svg; `walkforward.fold_table` says what the columns
mean.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.lake import BundleKey, BundleManifest, Lake, Lineage
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.dataset import Columns, load_dataset
from fints_pipeline.walkforward.folds import Fold, Span

if TYPE_CHECKING:
    from fints_pipeline.walkforward.fold_table import FoldTable

CODE_VERSION = "1"


def fold_table_key(experiment: str) -> BundleKey:
    """Name the bundle of an experiment's fold table."""
    return BundleKey.of("fold_tables", experiment=experiment)


def longest_context(experiment: ExperimentConfig) -> int:
    """Return the bars that a sample of the experiment's most far-sighted model takes, at least 1.

    A model's own `lookback` counts, else its network's, else the length of a token network.
    """
    found = [1]
    for model in experiment.models.values():
        keys = ((model, "lookback"), (model.network, "lookback"), (model.network, "max_length"))
        values = [value for part, name in keys if (value := getattr(part, name, None))]
        found += values[:1]
    return max(found)


def made_with(experiment: ExperimentConfig, folds: Sequence[Fold]) -> str:
    """Name everything but the data that the fold table depends on."""
    spans, context = [fold.to_json() for fold in folds], longest_context(experiment)
    return fingerprint([spans, list(_labels(experiment)), context])


def whole_span(folds: Sequence[Fold]) -> Span:
    """Return the sessions that the fold table counts: from the first fold's to the last one's."""
    extents = [fold.extent for fold in folds]
    return Span(min(one.first for one in extents), max(one.last for one in extents))


def _labels(experiment: ExperimentConfig) -> tuple[str, ...]:
    data = experiment.data
    return tuple(dict.fromkeys((data.label, data.direction_label)))


def publish_fold_table(
    lake: Lake, experiment: ExperimentConfig, folds: Sequence[Fold]
) -> tuple[BundleManifest, FoldTable]:
    """Count the folds on the bars and labels that are in the lake, and write the bundle.

    A label interval ends when both of the experiment's labels are known.

    Raises:
        KeyNotFoundError: features or labels of a month of the folds are missing.
    """
    from fints_pipeline.walkforward.fold_table import Timeline, fold_table

    data, labels = experiment.data, _labels(experiment)
    columns = Columns(features=data.features[:1], labels=labels)
    found = load_dataset(lake, data, columns, whole_span(folds))
    lines = [
        Timeline(
            one.session,
            one.open_time,
            one.close_time,
            np.maximum.reduce([one.labels[name].end for name in labels]),
        )
        for one in found.series
    ]
    table = fold_table(folds, lines, longest_context(experiment))
    lineage = Lineage(CODE_VERSION, made_with(experiment, folds), found.inputs)
    key = fold_table_key(experiment.experiment)
    return lake.write_bundle(key, lambda folder: _write(folder, table), lineage), table


def _write(folder: Path, table: FoldTable) -> None:
    from fints_pipeline.walkforward.fold_picture import timeline

    table.spans.to_csv(folder / "folds.csv", index=False, lineterminator="\n")
    table.spans.to_parquet(folder / "folds.parquet", index=False, compression="zstd")
    table.intervals.to_parquet(folder / "intervals.parquet", index=False, compression="zstd")
    table.paths.to_csv(folder / "paths.csv", index=False, lineterminator="\n")
    (folder / "timeline.svg").write_text(timeline(table.intervals), encoding="utf-8")
