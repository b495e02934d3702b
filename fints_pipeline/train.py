"""Train an experiment's models fold by fold, and write their predictions.

    python -m fints_pipeline.train --config configs/train/demo.yaml

does, for every walk-forward fold that the lake has data for, what the Dagster assets do: fit the
vocabulary on the fold's training span where a model reads tokens, train each of the experiment's
models after those that it starts from, and predict the fold's validation and test bars. Models go
to bundles/models/ in the lake, predictions to predictions/. With the same seed, machine and number
of threads the results are the same to the bit.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from fints_pipeline.base import cli
from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.errors import KeyNotFoundError, LookAheadError
from fints_pipeline.base.lake import BundleKey, Footer, Lake, Lineage, fold_key
from fints_pipeline.base.locations import Locations
from fints_pipeline.training.config import ExperimentConfig, load_experiment
from fints_pipeline.training.dataset import (
    Columns,
    load_dataset,
    sessions_present,
    until_validation,
)
from fints_pipeline.training.fold_record import has_every_month, recorded_folds
from fints_pipeline.training.fold_table import fold_table_key, publish_fold_table
from fints_pipeline.training.results import Predicted, Trained, Unpublished
from fints_pipeline.training.tracking import NullTracker, Tracker
from fints_pipeline.walkforward.folds import Fold

if TYPE_CHECKING:
    from fints_pipeline.training.bundles import Fitted
    from fints_pipeline.training.loop import OnMetrics
    from fints_pipeline.training.tokens import FoldVocabulary

CODE_VERSION = "1"


def experiment_folds(lake: Lake, experiment: ExperimentConfig) -> list[Fold]:
    """Return the folds that the features in the lake suffice for, in time order.

    Those whose months are all there are recorded in the lake and never move again; see
    `training.fold_record`.

    Raises:
        KeyNotFoundError: an instrument of the experiment has no features.
        ConfigError: there are too few sessions for one fold.
    """
    known = lake.instruments("features", experiment.data.frequency)
    for instrument in experiment.data.instruments:
        if instrument not in known:
            raise KeyNotFoundError(
                f"no features of {instrument!r} at {experiment.data.frequency} in the lake",
                where=lake.location,
                fix="run the ingest and data jobs for it first; there are features of "
                + (", ".join(known) or "nothing yet"),
            )
    sessions = sessions_present(lake, experiment.data)
    settled = has_every_month(lake, experiment.data)
    return list(recorded_folds(lake, experiment, sessions, settled))


def fit_vocabulary(lake: Lake, experiment: ExperimentConfig, fold: Fold) -> Trained:
    """Fit the vocabulary on the tokens of the fold's training span, and publish it.

    The bundle holds vocabulary.json and, under tokenizer/, what Hugging Face's `AutoTokenizer`
    loads. Its fields, smallest count and grammar are those of the config that made the tokens.

    Raises:
        KeyNotFoundError: tokens of the span are missing.
        ConfigError: the months' tokens were made with different configs.
    """
    from fints_pipeline.tokenizers.brooks import FIELDS
    from fints_pipeline.tokenizers.config import made_by
    from fints_pipeline.tokenizers.export import save_hf
    from fints_pipeline.tokenizers.vocabulary import Vocabulary

    started = time.perf_counter()
    columns = Columns(tokens=tuple(FIELDS))
    data = load_dataset(lake, experiment.data, columns, fold.train)
    good = [one.good_bars() for one in data.series]
    close_time = np.concatenate([one.close_time for one in good])
    tokens = np.concatenate([one.tokens for one in good])
    settings = made_by(data.footers.values())
    vocabulary = Vocabulary.fit(
        tokens,
        close_time,
        close_time.max(),
        fields=settings.vocabulary.fields,
        min_freq=settings.vocabulary.min_freq,
        parameters=settings.parameters,
    )
    for partition, footer in data.footers.items():
        vocabulary.require(footer.extra.get("grammar", vocabulary.grammar), partition)

    def write(folder: Path) -> None:
        vocabulary.save(folder)
        save_hf(vocabulary, folder / "tokenizer")

    made_with = vocabulary_fingerprint(experiment, fold, data.footers.values())
    manifest = lake.write_bundle(
        _vocabulary_key(experiment, fold),
        write,
        Lineage(CODE_VERSION, made_with, data.inputs),
    )
    metrics = {"size": float(len(vocabulary))}
    return Trained(manifest, metrics, time.perf_counter() - started)


def vocabulary_fingerprint(
    experiment: ExperimentConfig, fold: Fold, footers: Iterable[Footer]
) -> str:
    """Name everything in the configs that a fold's vocabulary depends on.

    Args:
        experiment: its config.
        fold: its spans.
        footers: of the tokens of the training span, which tell their own config.

    Raises:
        ConfigError: they were made with different configs.
    """
    from fints_pipeline.tokenizers.config import made_by

    return fingerprint([experiment.model_fingerprint("vocabulary", fold), made_by(footers)])


def train_model(
    lake: Lake,
    experiment: ExperimentConfig,
    fold: Fold,
    model: str,
    tracker: Tracker | None = None,
) -> Trained:
    """Train one of the fold's models, and publish it.

    While it runs it is kept under .checkpoints/ in the lake: after a kill the same call goes on
    where it was, and gives the same weights.

    Raises:
        KeyNotFoundError: a table, the fold's vocabulary or the model to start from is missing.
        ConfigError: the experiment has no such model, or the data does not suffice for it.
    """

    def fit(on_metrics: OnMetrics) -> Fitted:
        from fints_pipeline.training.bundles import open_pretrained
        from fints_pipeline.training.job import Job
        from fints_pipeline.training.tasks import task_module

        config = experiment.model(model)
        vocabulary = open_vocabulary(lake, experiment, fold) if config.reads_tokens else None
        parents = {
            tower: open_pretrained(lake, experiment.experiment, fold.key, name)
            for tower, name in config.parents.items()
        }
        task = task_module(config.kind)
        data = task.load(lake, experiment, config, vocabulary, until_validation(fold))
        job = Job(experiment, fold, model, data, vocabulary, parents, on_metrics, checkpoint)
        return task.fit(job)

    from fints_pipeline.training.run import fit_and_publish

    tracker = tracker if tracker is not None else NullTracker()
    name = f"{experiment.experiment}.{fold.key}.{model}.ckpt"
    checkpoint = lake.root / ".checkpoints" / name
    trained = fit_and_publish(lake, experiment, fold, model, fit, tracker, CODE_VERSION)
    checkpoint.unlink(missing_ok=True)
    return trained


def predict_fold(lake: Lake, experiment: ExperimentConfig, fold: Fold) -> Unpublished:
    """Predict the fold's validation and test bars with each of its trained forecasters.

    Nothing is written: `publish_predictions` does that, once whoever asks is content with them.

    Raises:
        KeyNotFoundError: a model has not been trained.
        LookAheadError: a model was trained on some of these bars; or it, its scaler, its vocabulary
            or what it started from saw beyond the training span.
        LakeError: the classifier was trained with another vocabulary than the fold's.
    """
    from fints_pipeline.audit.findings import refuse
    from fints_pipeline.audit.fold import audit_fold
    from fints_pipeline.training.predict import predict_model
    from fints_pipeline.training.prediction_table import joined

    started = time.perf_counter()
    vocabulary = open_vocabulary(lake, experiment, fold) if experiment.reads_tokens else None
    refuse(audit_fold(lake, experiment, fold), f"predicting fold {fold.key}")
    names = [name for name in experiment.names if experiment.models[name].predicts]
    found = [predict_model(lake, experiment, fold, name, vocabulary) for name in names]
    parts = [part for part in found if part is not None]
    table = joined([table for part in parts for table in part.tables])
    inputs = {key: digest for part in parts for key, digest in part.inputs.items()}
    made_with = experiment.model_fingerprint("predictions", fold)
    lineage = Lineage(CODE_VERSION, made_with, inputs)
    return Unpublished(table, lineage, time.perf_counter() - started)


def publish_predictions(
    lake: Lake, experiment: ExperimentConfig, fold: Fold, made: Unpublished
) -> Predicted:
    """Make a fold's predictions those of the lake."""
    from fints_pipeline.training.prediction_table import PREDICTIONS, row_counts

    key = fold_key("predictions", experiment.experiment, fold.key)
    footer = lake.write(key, made.table, PREDICTIONS, made.lineage)
    return Predicted(footer, row_counts(made.table), made.seconds)


def withdraw_predictions(lake: Lake, experiment: ExperimentConfig, fold: Fold) -> None:
    """Take a fold's predictions out of the lake: what its models know now must not be traded."""
    lake.remove(fold_key("predictions", experiment.experiment, fold.key))


def write_predictions(lake: Lake, experiment: ExperimentConfig, fold: Fold) -> Predicted:
    """Predict a fold and publish it; where a leak is found, former predictions are withdrawn.

    Raises:
        KeyNotFoundError: a model has not been trained.
        LookAheadError: see `predict_fold`.
        LakeError: the classifier was trained with another vocabulary than the fold's.
    """
    try:
        made = predict_fold(lake, experiment, fold)
    except LookAheadError:
        withdraw_predictions(lake, experiment, fold)
        raise
    return publish_predictions(lake, experiment, fold, made)


def _vocabulary_key(experiment: ExperimentConfig, fold: Fold) -> BundleKey:
    return BundleKey.of("vocabularies", experiment=experiment.experiment, fold=fold.key)


def open_vocabulary(lake: Lake, experiment: ExperimentConfig, fold: Fold) -> FoldVocabulary:
    """Return the fold's vocabulary.

    Raises:
        KeyNotFoundError: it has not been fitted.
    """
    from fints_pipeline.tokenizers.brooks import FIELDS
    from fints_pipeline.tokenizers.vocabulary import Vocabulary
    from fints_pipeline.training.tokens import FoldVocabulary

    key = _vocabulary_key(experiment, fold)
    encoder = Vocabulary.load(lake.open_bundle(key))
    values = tuple(len(names) for names in FIELDS.values())
    return FoldVocabulary(encoder, tuple(FIELDS), values, key, lake.bundle_manifest(key).digest)


def train_fold(
    lake: Lake, experiment: ExperimentConfig, fold: Fold, models: Sequence[str], tracker: Tracker
) -> dict[str, Trained | Predicted]:
    """Train the named models in order; predict when they are all of the experiment's.

    The vocabulary is fitted first where one of them reads tokens without another's weights to
    start from.
    """
    results: dict[str, Trained | Predicted] = {}
    if any(_starts_tokens(experiment, name) for name in models):
        results["vocabulary"] = fit_vocabulary(lake, experiment, fold)
    for name in models:
        results[name] = train_model(lake, experiment, fold, name, tracker)
    if set(models) == set(experiment.names):
        results["predictions"] = write_predictions(lake, experiment, fold)
    return results


def _starts_tokens(experiment: ExperimentConfig, name: str) -> bool:
    model = experiment.model(name)
    parents = (experiment.models[parent] for parent in model.parents.values())
    return model.reads_tokens and not any(parent.reads_tokens for parent in parents)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    from fints_pipeline.training import console

    args = console.parser(__doc__).parse_args(argv)
    experiment = load_experiment(args.config)
    lake = Lake(args.lake) if args.lake is not None else Locations.from_environment().lake
    folds = experiment_folds(lake, experiment)
    if args.list_folds:
        _, table = publish_fold_table(lake, experiment, folds)
        folder = lake.open_bundle(fold_table_key(experiment.experiment))
        console.print_folds(table, folder)
        return 0
    chosen = console.choose_folds(folds, args.fold)
    models = console.choose_models(experiment, args.model)
    tracker = console.tracker()
    console.show_progress()
    for number, fold in enumerate(chosen, start=1):
        console.print_fold(fold, number, len(chosen))
        console.print_results(train_fold(lake, experiment, fold, models, tracker))
    return 0


if __name__ == "__main__":
    sys.exit(cli.run(main))
