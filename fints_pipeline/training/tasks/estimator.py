"""Library estimators, such as gradient boosting, on the rows of a window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch

from fints_pipeline.base.lake import Lake
from fints_pipeline.models._base import network_module
from fints_pipeline.training.bundles import Fitted, Loaded
from fints_pipeline.training.channels import (
    choose_rows,
    common_label_steps,
    finite_rows,
    fit_scalers,
    scaled_table,
)
from fints_pipeline.training.class_labels import DIRECTIONS, Classes
from fints_pipeline.training.config import EstimatorModel, ExperimentConfig, ModelConfig
from fints_pipeline.training.dataset import Columns, Dataset, FloatArray, load_dataset
from fints_pipeline.training.job import Job, filled_in
from fints_pipeline.training.outlook import at_levels, reached
from fints_pipeline.training.predicted import Predicted
from fints_pipeline.training.record import FitRecord
from fints_pipeline.training.scope import Scope
from fints_pipeline.training.scoring import class_metrics, correlation, quantile_scores
from fints_pipeline.training.seeds import reproducible
from fints_pipeline.training.tokens import FoldVocabulary
from fints_pipeline.training.windows import WindowTable, window_fits
from fints_pipeline.walkforward.folds import Span

OBJECTIVES = ("regression", "classification", "quantile")
DIRECTION = Classes(tuple(DIRECTIONS), tuple(DIRECTIONS.values()))


def load(
    lake: Lake,
    experiment: ExperimentConfig,
    model: ModelConfig,
    vocabulary: FoldVocabulary | None,
    span: Span,
) -> Dataset:
    """Return the model's channels, the return and the direction."""
    labels = (experiment.data.label, experiment.data.direction_label)
    return load_dataset(lake, experiment.data, Columns(_channels(experiment, model), labels), span)


def fit(job: Job) -> Fitted:
    """Fit an estimator.

    A sample is the window of L bars up to bar t, laid out in one row, and the label of t: its
    return over the label's interval (in standard deviations of the training samples), or its
    direction. Samples whose label reaches into a later span are purged.

    Raises:
        ConfigError: a span holds no labelled window.
    """
    model, experiment = cast(EstimatorModel, job.model), job.experiment
    series, channels = job.data.series, _channels(experiment, model)
    scalers = fit_scalers(model, job.fold, series, channels, (model.target,))
    table = scaled_table(series, scalers, job.experiment.hardware.memory_share)
    kind = cast(Any, model.network).objective
    config = (
        filled_in(model.network, classes=len(DIRECTION))
        if kind == "classification"
        else model.network
    )
    column = experiment.data.direction_label if kind == "classification" else experiment.data.label
    labels = [one.labels[column] for one in series]
    usable = [
        ~one.is_filled & np.isfinite(label.value) & window_fits(finite_rows(one), model.lookback)
        for one, label in zip(series, labels, strict=True)
    ]
    chosen = choose_rows(
        job.fold, series, table, [label.end for label in labels], usable, model.fit.stride,
        f"labelled window of {model.lookback} bars", model.lookback,
    )  # fmt: skip
    y_N = np.concatenate([label.value for label in labels])
    train, validation = (y_N[rows.numpy()] for rows in (chosen.train, chosen.validation))
    scale = 1.0
    if kind == "classification":
        train, validation = DIRECTION.number(train), DIRECTION.number(validation)
    else:
        scale = float(train.std()) or 1.0
        train, validation = train / scale, validation / scale
    x_train, x_validation = (
        rows_of(table, rows, model.lookback) for rows in (chosen.train, chosen.validation)
    )
    module: Any = network_module(config.name)
    with reproducible(experiment.seed, experiment.hardware.threads):
        estimator = module.fit(config, x_train, train, (x_validation, validation))
        said = module.predict(estimator, x_validation)
    record = FitRecord(
        samples=len(train),
        early_stopping_samples=len(validation),
        parameters=estimator.leaves,
        steps=0,
        best_epoch=0,
        stopped_by="estimator",
        history=(),
    )
    return job.recorded(
        estimator,
        config,
        record,
        _metrics(kind, config, said, train, validation),
        lookback=model.lookback,
        columns=channels,
        target=model.target,
        label_steps=common_label_steps(job.name, experiment.data.label, series),
        scalers=scalers,
        learned=chosen.learned,
        output="classes" if kind == "classification" else "return",
        label=column,
        label_scale=scale,
        class_names=DIRECTION.names if kind == "classification" else None,
        classes=DIRECTION.values if kind == "classification" else None,
    )


def predict(model: Loaded, data: Dataset, scope: Scope) -> Sequence[Predicted]:
    """Predict every bar with a whole, finite window; filled bars are left out.

    Raises:
        LookAheadError: a bar lies in the span that the model was trained on.
    """
    record, series = model.record, data.series
    table = scaled_table(series, record.scalers)
    module: Any = network_module(record.network.name)
    results = []
    for number, one in enumerate(series):
        chosen = ~one.is_filled & window_fits(finite_rows(one), record.lookback)
        chosen &= scope.rows(record, one)
        places = np.flatnonzero(chosen)
        rows = torch.from_numpy(table.global_rows(number, chosen).astype(np.int64))
        if not len(rows):
            results.append(Predicted(places, np.empty(0)))
            continue
        said = module.predict(model.network, rows_of(table, rows, record.lookback))
        results.append(_predicted(record.network, places, said, record.label_scale))
    return results


def rows_of(table: WindowTable, rows: torch.Tensor, lookback: int) -> np.ndarray:
    """Return each window laid out in one row, (N, L × C) float32."""
    return table.past(rows, lookback).flatten(1).numpy()


def _channels(experiment: ExperimentConfig, model: ModelConfig) -> tuple[str, ...]:
    own = cast(EstimatorModel, model).channels
    return own if own is not None else experiment.data.features


def _predicted(config: Any, places: np.ndarray, said: FloatArray, scale: float) -> Predicted:
    if config.objective == "classification":
        return Predicted(places, probabilities=said)
    if config.objective == "quantile":
        quantiles = _at_levels(config, said)
        middle = said[:, len(said[0]) // 2]
        return Predicted(places, middle * scale, quantiles * scale)
    return Predicted(places, said * scale)


def _at_levels(config: Any, said_NQ: FloatArray) -> FloatArray:
    """Return the quantiles at the table's levels, in order, NaN at those not fitted."""
    own = tuple(config.quantiles)
    levels = tuple(level for level in reached(None) if level in own)
    ordered = np.sort(said_NQ, axis=1)
    return at_levels(ordered[:, [own.index(level) for level in levels]], levels)


def _metrics(
    kind: str, config: Any, said: FloatArray, train: np.ndarray, validation: np.ndarray
) -> dict[str, float]:
    if kind == "classification":
        return class_metrics(said, train, validation)
    total = said[:, said.shape[1] // 2] if kind == "quantile" else said
    metrics = {
        "return_mse": float(((total - validation) ** 2).mean()),
        "no_change_return_mse": float((validation**2).mean()),
        "return_correlation": correlation(total, validation),
    }
    if kind == "quantile":
        metrics |= quantile_scores(_at_levels(config, said), validation)
    return metrics
