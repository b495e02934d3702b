"""Fusion of channels, tokens and text: a forecast of the next returns, or a class of the bar."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.lake import Lake
from fints_pipeline.models._base import NetworkConfig
from fints_pipeline.training.augment import augmentation
from fints_pipeline.training.bundles import Fitted, Loaded
from fints_pipeline.training.calls import call
from fints_pipeline.training.channels import choose_rows, finite_rows, fit_scalers, scaled_table
from fints_pipeline.training.class_labels import class_weights, classes_of, unweighted
from fints_pipeline.training.config import ExperimentConfig, FusionModel, ModelConfig
from fints_pipeline.training.dataset import FloatArray
from fints_pipeline.training.fusion_data import (
    FusedWindows,
    FusionData,
    LabelledWindows,
    load_fusion,
)
from fints_pipeline.training.job import Job, batched, filled_in
from fints_pipeline.training.objectives import ClassObjective
from fints_pipeline.training.outlook import look_ahead
from fints_pipeline.training.predicted import Predicted
from fints_pipeline.training.scope import Scope
from fints_pipeline.training.scoring import class_metrics
from fints_pipeline.training.seeds import reproducible
from fints_pipeline.training.tasks.classify_tokens import SCORING_BATCH
from fints_pipeline.training.tasks.forecast import (
    outlook_metrics,
    predict_returns,
    read_window,
)
from fints_pipeline.training.tokens import FoldVocabulary
from fints_pipeline.training.windows import WindowTable, window_fits
from fints_pipeline.walkforward.folds import Span


def load(
    lake: Lake,
    experiment: ExperimentConfig,
    model: ModelConfig,
    vocabulary: FoldVocabulary | None,
    span: Span,
) -> FusionData:
    """Return channels, tokens, text and labels."""
    return load_fusion(lake, experiment, cast(FusionModel, model), vocabulary, span)


def fit(job: Job) -> Fitted:
    """Fit a fusion network, its towers fresh or from pretrained models.

    A sample is the window of L bars up to bar t in every tower, with the H bars after it or the
    label of t. Samples whose target reaches into a later span are purged; early stopping is on the
    validation span.

    Raises:
        ConfigError: a span holds no window, or the network does not fit what is asked of it.
    """
    model = cast(FusionModel, job.model)
    _require_width(job, model)
    return _fit_forecast(job, model) if model.label is None else _fit_classes(job, model)


def _fit_forecast(job: Job, model: FusionModel) -> Fitted:
    experiment, fold, data = job.experiment, job.fold, cast(FusionData, job.data)
    window = read_window(job, model, fold, data.series)
    if cast(Any, window.config).classes is not None:
        raise ConfigError(
            f"models.{job.name}: the network has classes, and no label to learn them from",
            fix="name the column under `label`, or leave `network.classes` out",
        )
    train, validation = (
        data.windows(window.table, rows, window.lookback, window.horizon, model.cumulative)
        for rows in (window.chosen.train, window.chosen.validation)
    )
    with reproducible(experiment.seed, experiment.hardware.threads):
        network = job.network(_with_ids(window.config, data))
        config = cast(NetworkConfig, cast(Any, network).config)
        task, report = job.fit(
            network,
            window.objective(model, fold, data.series),
            train,
            validation,
            augment=augmentation(model.fit.regularisation, "none"),
        )
        outlook = look_ahead(task.network, config, validation, window.target, window.steps)
    return job.fitted(
        task,
        report,
        config,
        outlook_metrics(outlook, window.future(validation.rows), model.cumulative, window.steps),
        lookback=window.lookback,
        columns=window.channels,
        target=model.target,
        label_steps=window.steps,
        scalers=window.scalers,
        cumulative=model.cumulative,
        vocabulary_digest=_digest(job, model),
        learned=window.chosen.learned,
    )


def _fit_classes(job: Job, model: FusionModel) -> Fitted:
    experiment, fold, data = job.experiment, job.fold, cast(FusionData, job.data)
    column, series = cast(str, model.label), data.series
    in_training = [s.labels[column].value[fold.train.mask(s.session)] for s in series]
    is_direction = column == experiment.data.direction_label
    classes = classes_of(column, is_direction, np.concatenate(in_training), data.class_names)
    channels = model.computed_channels(experiment.data.features)
    config = filled_in(
        model.network,
        channels=len(channels),
        target=channels.index(model.target),
        classes=classes.names,
    )
    lookback = int(cast(Any, config).lookback)
    scalers = fit_scalers(model, fold, series, channels)
    table = scaled_table(series, scalers, job.experiment.hardware.memory_share)
    numbers = [classes.number(s.labels[column].value) for s in series]
    usable = [
        (number >= 0) & ~one.is_filled & window_fits(finite_rows(one), lookback)
        for number, one in zip(numbers, series, strict=True)
    ]
    ends = [s.labels[column].end for s in series]
    what = f"labelled window of {lookback} bars"
    chosen = choose_rows(fold, series, table, ends, usable, model.fit.stride, what, lookback)
    joined = torch.from_numpy(np.concatenate(numbers))
    train, validation = (
        LabelledWindows(data.windows(table, rows, lookback, 1, False), joined[rows])
        for rows in (chosen.train, chosen.validation)
    )
    weights = class_weights(train.classes, len(classes), model.class_weights)
    with reproducible(experiment.seed, experiment.hardware.threads):
        network = job.network(_with_ids(config, data))
        task, report = job.fit(
            network,
            ClassObjective(model.class_loss, weights),
            train,
            validation,
            augment=augmentation(model.fit.regularisation, "none"),
        )
        p_NK = unweighted(probabilities(task.network, validation.windows), weights.tolist())
    return job.fitted(
        task,
        report,
        cast(NetworkConfig, cast(Any, network).config),
        class_metrics(p_NK, train.classes.numpy(), validation.classes.numpy()),
        lookback=lookback,
        output="classes",
        label=column,
        columns=channels,
        target=model.target,
        scalers=scalers,
        classes=classes.values,
        class_names=classes.names,
        class_weights=tuple(weights.tolist()),
        vocabulary_digest=_digest(job, model),
        learned=chosen.learned,
    )


@torch.no_grad()
def probabilities(network: nn.Module, windows: FusedWindows) -> FloatArray:
    """Return what the network's softmax says of each window, (N, K)."""
    network.eval()
    parts = [
        call(network, windows.inputs(windows.rows[positions])).logits
        for positions in batched(len(windows), SCORING_BATCH)
    ]
    if not parts:
        return np.empty((0, 1))
    p_NK: FloatArray = torch.cat([logits.double().softmax(-1) for logits in parts]).numpy()
    return p_NK


def predict(model: Loaded, data: FusionData, scope: Scope) -> Sequence[Predicted]:
    """Return the expected return, or the classes' probabilities, of every bar with a whole window.

    Raises:
        LookAheadError: a bar lies in the span that the model was trained on, or a series starts
            before the span its scaler was fitted on.
    """
    record = model.record
    if record.output == "classes":
        return _predict_classes(model, data, scope)
    horizon = int(cast(Any, record.network).horizon)

    def samples(table: WindowTable, rows: Tensor) -> FusedWindows:
        return data.windows(table, rows, record.lookback, horizon, record.cumulative)

    return predict_returns(model, data.series, scope, samples)


def _predict_classes(model: Loaded, data: FusionData, scope: Scope) -> list[Predicted]:
    record = model.record
    table = scaled_table(data.series, record.scalers)
    results = []
    with reproducible(record.seed, record.threads):
        for number, one in enumerate(data.series):
            chosen = ~one.is_filled & window_fits(finite_rows(one), record.lookback)
            chosen &= scope.rows(record, one)
            rows = torch.from_numpy(table.global_rows(number, chosen).astype(np.int64))
            windows = data.windows(table, rows, record.lookback, 1, False)
            p_NK = probabilities(model.network, windows)
            p_NK = unweighted(p_NK, record.class_weights or (1.0,))
            results.append(Predicted(np.flatnonzero(chosen), probabilities=p_NK))
    return results


def _require_width(job: Job, model: FusionModel) -> None:
    text, settings = cast(FusionData, job.data).text, cast(Any, model.network).text
    if text is not None and text.width != settings.embedding:
        raise ConfigError(
            f"the vectors of {model.text} are {text.width} long, the text tower reads "
            f"{settings.embedding}",
            where=f"models.{job.name}.network.text.embedding",
            fix=f"set it to {text.width}",
        )


def _with_ids(config: NetworkConfig, data: FusionData) -> NetworkConfig:
    """Return the config with the number of ids that the token tower may meet."""
    if data.form is None:
        return config
    sizes = data.form.sizes
    if cast(Any, config).factorised:
        return filled_in(config, field_sizes=sizes)
    return filled_in(config, vocabulary_size=sizes[0])


def _digest(job: Job, model: FusionModel) -> str | None:
    return cast(FoldVocabulary, job.vocabulary).digest if model.reads_tokens else None
