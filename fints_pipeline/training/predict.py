"""Batch inference: published models over bars that they were not trained on."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

from fints_pipeline.base.errors import ConfigError, LakeError
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.bundles import load_model, model_key
from fints_pipeline.training.class_labels import DIRECTIONS
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.dataset import until_validation
from fints_pipeline.training.prediction_table import SpanOf, prediction_rows
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.training.scope import Scope
from fints_pipeline.training.tasks import task_module
from fints_pipeline.training.tokens import FoldVocabulary
from fints_pipeline.walkforward.folds import Fold, Span


@dataclass(frozen=True)
class Part:
    """One model's rows for all instruments, and the digests of what was read."""

    tables: tuple[pa.Table, ...]
    inputs: dict[str, str]


def predicts_returns(record: TrainingRecord) -> bool:
    """Return whether a model has a part in the predictions table.

    Classifiers of anything but a direction say nothing of where the price goes.
    """
    if record.output == "classes":
        return record.class_names == tuple(DIRECTIONS.values())
    return record.output != "none"


def predict_model(
    lake: Lake,
    experiment: ExperimentConfig,
    fold: Fold,
    name: str,
    vocabulary: FoldVocabulary | None,
    scope: Scope | None = None,
    span_of: SpanOf | None = None,
) -> Part | None:
    """Return what one of a fold's models says of its validation and test bars.

    Args:
        lake: holds the model and the tables.
        experiment: the model's.
        fold: the model's.
        name: the model's.
        vocabulary: the fold's, for models that read tokens.
        scope: which bars; None takes the fold's validation and test spans.
        span_of: names the span of each session; None tells "test" from "validation".

    Returns:
        None for models that have no part in the predictions table.

    Raises:
        KeyNotFoundError: the model has not been trained.
        LookAheadError: it was trained on some of these bars.
        LakeError: it was trained with another vocabulary.
    """
    model = load_model(lake, experiment.experiment, fold.key, name)
    if not predicts_returns(model.record):
        return None
    _require_vocabulary(model.record, name, fold, vocabulary)
    config = experiment.model(name)
    scope = scope or Scope.of_fold(fold, getattr(config, "predict_every", 1))
    task = task_module(config.kind)
    last = max(span.last for span in scope.spans)
    data = task.load(
        lake,
        experiment,
        config,
        vocabulary,
        Span(fold.extent.first, max(last, until_validation(fold).last)),
    )
    found = task.predict(model, data, scope)
    tables = tuple(
        prediction_rows(model.record, fold, one, predicted, experiment.data.label, span_of)
        for one, predicted in zip(data.series, found, strict=True)
    )
    key = model_key(experiment.experiment, fold.key, name)
    return Part(tables, {**data.inputs, str(key): model.digest})


def _require_vocabulary(
    record: TrainingRecord, name: str, fold: Fold, vocabulary: FoldVocabulary | None
) -> None:
    if record.vocabulary_digest is None:
        return
    if vocabulary is None:
        raise ConfigError(f"{name} reads tokens, and no vocabulary was given")
    if record.vocabulary_digest != vocabulary.digest:
        raise LakeError(
            f"the {name} of fold {fold.key} was trained with another vocabulary",
            where=str(vocabulary.key),
            fix="pretrain and fine-tune the fold again",
        )
