"""What classifiers of tokens share: their label, its classes, and the encoder's settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.lake import Lake
from fints_pipeline.models._base import NetworkConfig
from fints_pipeline.models._bert import BertSettings
from fints_pipeline.training.class_labels import Classes, classes_of
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.config.kinds import LabelledTokensModel
from fints_pipeline.training.job import Job, filled_in
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.training.token_form import TokenForm
from fints_pipeline.training.tokens import FRAME, FoldVocabulary, TokenData, load_tokens
from fints_pipeline.walkforward.folds import Fold, Span


@dataclass(frozen=True)
class TokenSettings:
    """A classifier's network config, with its encoder and classes, and its lookback L."""

    config: NetworkConfig
    lookback: int


def label_column(experiment: ExperimentConfig, model: LabelledTokensModel) -> str:
    """Return the column of the labels table that the classes are of."""
    return model.label if model.label is not None else experiment.data.direction_label


def load_labelled(
    lake: Lake,
    experiment: ExperimentConfig,
    model: LabelledTokensModel,
    vocabulary: FoldVocabulary | None,
    span: Span,
) -> TokenData:
    """Return tokens, the label of the classes, and the return that predictions are scored by."""
    labels = tuple({experiment.data.label: None, label_column(experiment, model): None})
    return load_tokens(
        lake,
        experiment.data,
        cast(FoldVocabulary, vocabulary),
        span,
        labels,
        factorised=experiment.reads_fields(model),
    )


def classes_in_training(
    experiment: ExperimentConfig, model: LabelledTokensModel, fold: Fold, data: TokenData
) -> Classes:
    """Return the label's classes, those of the training span where the table names none."""
    column = label_column(experiment, model)
    values = [s.labels[column].value[fold.train.mask(s.session)] for s in data.series]
    joined = np.concatenate(values)
    return classes_of(column, column == experiment.data.direction_label, joined, data.class_names)


def token_settings(job: Job, model: LabelledTokensModel, classes: Classes) -> TokenSettings:
    """Return the network's config with its encoder and classes filled in, and the lookback.

    Raises:
        ConfigError: the encoder is not set and nothing gives one, or the lookback outlasts it.
    """
    encoder = _encoder(job, model)
    config = filled_in(model.network, encoder=encoder, classes=classes.names)
    longest = encoder.max_length - FRAME
    lookback = model.lookback if model.lookback is not None else longest
    if lookback > longest:
        raise ConfigError(
            f"models.{job.name}.lookback {lookback} is longer than the encoder reads ({longest})",
            fix=f"lower it, or raise the encoder's max_length to {lookback + FRAME}",
        )
    return TokenSettings(config, lookback)


def _encoder(job: Job, model: LabelledTokensModel) -> BertSettings:
    parents = job.parents or {}
    if parents:
        found: Any = TrainingRecord.read(next(iter(parents.values())).folder).network
    else:
        found = getattr(model.network, "encoder", None)
    if found is None:
        raise ConfigError(
            f"models.{job.name} has no encoder",
            fix="let it start from a masked language model (`starts_from: mlm`), "
            "or describe one under `network.encoder`",
        )
    own = {name: getattr(found, name) for name in BertSettings.model_fields}
    form: TokenForm = job.data.form
    return form.fit(BertSettings(**own))
