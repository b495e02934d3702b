"""The command line of `fints_pipeline.train`: arguments, progress and tables."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from fints_pipeline.base.errors import KeyNotFoundError, nearest
from fints_pipeline.base.frames import named_rows
from fints_pipeline.base.locations import lake_location
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.results import Predicted, Trained
from fints_pipeline.training.tracking import MlflowTracker, NullTracker, Tracker
from fints_pipeline.walkforward.fold_table import SPANS, FoldTable
from fints_pipeline.walkforward.folds import Fold


def parser(description: str | None) -> argparse.ArgumentParser:
    """Return the command line's parser."""
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.train",
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="MLFLOW_TRACKING_URI=sqlite:///.mlflow/mlflow.db logs every fit to MLflow as well.",
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="YAML file under configs/train/")
    add("--fold", metavar="KEY", help="train this fold alone: the date of its first test session")
    add(
        "--list-folds",
        action="store_true",
        help="count the folds that the lake suffices for, print them and write the fold table",
    )
    add(
        "--model",
        metavar="NAME",
        help="train this model alone, and write no predictions; what it starts from, and the "
        "vocabulary, are taken from the lake",
    )
    add("--lake", type=lake_location, help="the lake (default: FINTS_LAKE or data_lake)")
    return parser


def choose_folds(folds: Sequence[Fold], key: str | None) -> Sequence[Fold]:
    """Return the fold named ``key``, or all.

    Raises:
        KeyNotFoundError: there is no such fold.
    """
    if key is None:
        return folds
    chosen = [fold for fold in folds if fold.key == key]
    if not chosen:
        raise KeyNotFoundError(
            f"no fold {key!r}", fix=nearest(key, (fold.key for fold in folds)) or "see --list-folds"
        )
    return chosen


def choose_models(experiment: ExperimentConfig, name: str | None) -> tuple[str, ...]:
    """Return the model ``name``, or all of the experiment's.

    Raises:
        ConfigError: the experiment does not have it.
    """
    if name is None:
        return experiment.names
    experiment.model(name)
    return (name,)


def tracker() -> Tracker:
    """Return MLflow's tracker where MLFLOW_TRACKING_URI is set, else one that keeps nothing."""
    if not os.environ.get("MLFLOW_TRACKING_URI"):
        return NullTracker()
    import mlflow

    return MlflowTracker(mlflow)


class _Progress(logging.Handler):
    """Prints to what is standard error at that time: a notebook has another one for each cell."""

    def emit(self, record: logging.LogRecord) -> None:
        print(f"  {self.format(record)}", file=sys.stderr)


def show_progress() -> None:
    """Print the progress lines of the fits to standard error."""
    log = logging.getLogger("fints_pipeline.training")
    if not log.handlers:
        log.addHandler(_Progress())
    log.setLevel(logging.INFO)


def print_folds(table: FoldTable, folder: Path) -> None:
    """Print a line a fold and span, the paths of a cross-validation, and where the files lie.

    Args:
        table: what `training.fold_table` counted.
        folder: of its bundle.
    """
    print(
        f"{'fold':<24}{'span':<12}{'first':<12}{'last':<12}{'sessions':>8}{'rows':>10}{'kept':>10}"
        f"{'purged':>8}  labels, UTC"
    )
    for row in named_rows(table.spans):
        labels = "" if row.kept == 0 else f"{row.label_start:%F %R} … {row.label_end:%F %R}"
        name = row.fold if row.span == SPANS[0] else ""
        print(
            f"{name:<24}{row.span:<12}{_day(row.first):<12}{_day(row.last):<12}{row.sessions:>8}"
            f"{row.rows:>10,}{row.kept:>10,}{row.purged:>8,}  {labels}".rstrip()
        )
    for number, path in table.paths.groupby("path"):
        groups = zip(path["first"], path["fold"], strict=True)
        taken = ", ".join(f"{_day(first)} from {fold}" for first, fold in groups)
        print(f"path {number}: {taken}")
    context = int(table.spans["context"].max())
    print(f"purged with a context of {context} bars; table and timeline: {folder}")


def _day(session: Any) -> str:
    return "–" if pd.isna(session) else f"{session:%F}"


def print_fold(fold: Fold, number: int, count: int) -> None:
    """Print the heading of a fold."""
    print(
        f"fold {fold.key} ({number} of {count}): train {fold.train.first} … {fold.train.last}, "
        f"test {fold.test.first} … {fold.test.last}",
        flush=True,
    )


def print_results(results: Mapping[str, Trained | Predicted]) -> None:
    """Print a line a stage: seconds, scores and digest."""
    for name, result in results.items():
        digest = result.footer.digest if isinstance(result, Predicted) else result.manifest.digest
        scores = ", ".join(f"{key} {_number(value)}" for key, value in result.metrics.items())
        print(f"  {name:<12}{result.seconds:6.1f} s  {digest[:12]}  {scores}", flush=True)


def _number(value: float) -> str:
    return f"{value:.0f}" if value == round(value) else f"{value:.4g}"
