"""Batch inference: what a trained model says of the lake's bars, in one Parquet file.

    python -m fints_pipeline.predict --config configs/train/demo.yaml --fold KEY --model patchtst

predicts every bar after the model's training span that the lake has features (or tokens) for, with
quantiles or class probabilities where the model has them. The rows are checked against the
predictions' schema; `span` tells where in the model's fold a bar lies: in its validation or test
span, or outside both. The file's metadata names the model, its digest and its training span. Bars
of the training span and older ones are refused, unless ``--in-sample`` asks for them: such scores
say nothing of how good the model is.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from fints_pipeline import train
from fints_pipeline.base import cli
from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, UserError
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.locations import Locations, lake_location
from fints_pipeline.training.config import ExperimentConfig, load_experiment
from fints_pipeline.training.dataset import Stamps, sessions_present
from fints_pipeline.walkforward.folds import Fold, Span

if TYPE_CHECKING:
    from numpy.typing import NDArray

SPANS = ("train", "validation", "test")


def score(
    lake: Lake,
    experiment: ExperimentConfig,
    fold: Fold,
    model: str,
    span: Span,
    *,
    in_sample: bool = False,
) -> pa.Table:
    """Return a model's validated predictions of all bars of ``span``.

    Args:
        lake: holds the model and the tables.
        experiment: the model's.
        fold: the model's.
        model: its name.
        span: sessions to predict.
        in_sample: allow bars of the training span.

    Raises:
        LookAheadError: a bar lies in the training span, or before it.
        ConfigError: the model makes no predictions, or the span starts before the fold's data.
        KeyNotFoundError: the model has not been trained, or the lake lacks a table.
    """
    from fints_pipeline.schemas.predictions import PREDICTIONS
    from fints_pipeline.training.bundles import model_key
    from fints_pipeline.training.predict import predict_model
    from fints_pipeline.training.prediction_table import joined
    from fints_pipeline.training.scope import Scope

    if span.first < fold.extent.first:
        raise ConfigError(
            f"{model} of fold {fold.key} was scaled by data from {fold.extent.first} on",
            where=f"--from {span.first}",
            fix="predict from that session on, or use an earlier fold's model",
        )
    vocabulary = (
        train.open_vocabulary(lake, experiment, fold)
        if experiment.model(model).reads_tokens
        else None
    )
    every = getattr(experiment.model(model), "predict_every", 1)
    scope = Scope((span,), in_sample=in_sample, every=every)

    def place(session: Stamps) -> NDArray[np.object_]:
        return span_of(fold, session)

    part = predict_model(lake, experiment, fold, model, vocabulary, scope, place)
    if part is None:
        raise ConfigError(
            f"{model} makes no predictions of returns or directions",
            fix="name a forecaster or a classifier of the direction",
        )
    table = joined(part.tables)
    PREDICTIONS.validate(table)
    key = model_key(experiment.experiment, fold.key, model)
    notes = {
        "fints.model": str(key),
        "fints.model_digest": part.inputs[str(key)],
        "fints.training_span": f"{fold.train.first} {fold.train.last}",
        "fints.in_sample": str(in_sample),
    }
    return table.replace_schema_metadata(notes)


def span_of(fold: Fold, session: Stamps) -> NDArray[np.object_]:
    """Return the fold's span that each session lies in, "outside" where it lies in none."""
    found = np.full(len(session), "outside", dtype=object)
    for name in SPANS:
        found[fold.spans[name].mask(session)] = name
    return found


def choose_span(
    lake: Lake, experiment: ExperimentConfig, fold: Fold, first: date | None, last: date | None
) -> Span:
    """Return the sessions to predict: by default all that the lake has after the training span.

    Raises:
        KeyNotFoundError: the lake has none of them.
    """
    known = sessions_present(lake, experiment.data)
    begin = first if first is not None else fold.train.last
    chosen = [
        one
        for one in known
        if (one >= begin if first is not None else one > begin) and (last is None or one <= last)
    ]
    if not chosen:
        reach = f"its sessions run from {known[0]} to {known[-1]}" if known else "it is empty"
        raise KeyNotFoundError(
            f"the lake has no session to predict from {begin} to {last or 'its end'}",
            where=lake.location,
            fix=f"{reach}; choose --from and --to among them",
        )
    return Span(chosen[0], chosen[-1])


def write(table: pa.Table, path: Path) -> None:
    """Write the predictions, whole or not at all.

    Raises:
        UserError: the file cannot be written, or the path is a folder's.
    """
    if not path.name or path.is_dir():
        raise UserError("the output is a folder", where=str(path), fix="name a file in it")
    part = path.with_name(f".{path.name}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            pq.write_table(table, part)
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(f"the predictions cannot be written: {error}", where=str(path)) from None


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    from fints_pipeline.training import console

    args = _parser().parse_args(argv)
    locations = Locations.from_environment()
    if args.lake is not None:
        locations = replace(locations, lake_root=args.lake)
    lake, experiment = locations.lake, load_experiment(args.config)
    (fold,) = console.choose_folds(train.experiment_folds(lake, experiment), args.fold)
    experiment.model(args.model)
    span = choose_span(lake, experiment, fold, args.first, args.last)
    started = time.perf_counter()
    table = score(lake, experiment, fold, args.model, span, in_sample=args.in_sample)
    name = f"{experiment.experiment}_{fold.key}_{args.model}.parquet"
    path = args.output if args.output is not None else Path(name)
    write(table, path)
    print(
        f"{args.model} of fold {fold.key}: {len(table)} predictions of {span.first} to {span.last} "
        f"in {time.perf_counter() - started:.1f} s: {path}"
    )
    if args.in_sample:
        print("in-sample rows are among them (span = train): they do not tell how good it is")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.predict",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("--config", type=Path, required=True, help="the experiment's YAML file, as for train")
    add("--fold", metavar="KEY", required=True, help="the model's fold; see train --list-folds")
    add("--model", metavar="NAME", required=True, help="the model's name in the experiment")
    add("--from", dest="first", metavar="DATE", type=date.fromisoformat,
        help="first session to predict (default: the first after the training span)")  # fmt: skip
    add("--to", dest="last", metavar="DATE", type=date.fromisoformat,
        help="last session to predict (default: the last in the lake)")  # fmt: skip
    add("--in-sample", action="store_true", help="score bars of the training span too")
    add("--output", type=Path, help="Parquet file (default: named by experiment, fold and model)")
    add("--lake", type=lake_location, help="the lake (default: FINTS_LAKE or data_lake)")
    return parser


if __name__ == "__main__":
    sys.exit(cli.run(main))
