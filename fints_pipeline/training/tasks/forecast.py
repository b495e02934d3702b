"""Forecasting the next returns from feature channels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.time import minutes
from fints_pipeline.models._base import NetworkConfig
from fints_pipeline.training.augment import augmentation
from fints_pipeline.training.bundles import Fitted, Loaded
from fints_pipeline.training.calendar_columns import COLUMNS, CalendarColumns
from fints_pipeline.training.calls import asks_for
from fints_pipeline.training.channels import (
    Chosen,
    choose_rows,
    common_label_steps,
    finite_rows,
    fit_scalers,
    naive_errors,
    scaled_table,
    target_end,
    target_metrics,
)
from fints_pipeline.training.config import ExperimentConfig, ForecastModel, ModelConfig
from fints_pipeline.training.config.kinds import TargetModel
from fints_pipeline.training.contiguous import consecutive_bars
from fints_pipeline.training.dataset import Columns, Dataset, FloatArray, Series, load_dataset
from fints_pipeline.training.job import Job, filled_in
from fints_pipeline.training.losses.sharpe import Sharpe
from fints_pipeline.training.losses.squared_error import SquaredError
from fints_pipeline.training.objectives import ForecastObjective, PortfolioObjective
from fints_pipeline.training.outlook import Outlook, look_ahead
from fints_pipeline.training.positions import label_spread, position_metrics, trades_positions
from fints_pipeline.training.predicted import Predicted
from fints_pipeline.training.samples import PastAndFuture
from fints_pipeline.training.scalers import Scaler
from fints_pipeline.training.scope import Scope
from fints_pipeline.training.scoring import quantile_scores
from fints_pipeline.training.seeds import reproducible
from fints_pipeline.training.tokens import FoldVocabulary
from fints_pipeline.training.validation_sharpe import ValidationSharpe, market_of
from fints_pipeline.training.windows import WindowTable, window_fits
from fints_pipeline.walkforward.folds import Fold, Span


def load(
    lake: Lake,
    experiment: ExperimentConfig,
    model: ModelConfig,
    vocabulary: FoldVocabulary | None,
    span: Span,
) -> Dataset:
    """Return the model's channels and the label."""
    channels = cast(ForecastModel, model).computed_channels(experiment.data.features)
    columns = Columns(channels, (experiment.data.label,), prices=model.fit.stop.on == "sharpe")
    return load_dataset(lake, experiment.data, columns, span)


def fit(job: Job) -> Fitted:
    """Fit a forecaster on scaled feature channels.

    A sample is the window of L bars up to bar t and the H bars after it. Samples of which the
    label or the H bars reach into a later span are purged; early stopping is on validation.

    Raises:
        ConfigError: the label outlasts the network's horizon, or a span holds no window.
    """
    model = cast(ForecastModel, job.model)
    experiment, fold, series = job.experiment, job.fold, job.data.series
    window = read_window(job, model, fold, series)
    with reproducible(experiment.seed, experiment.hardware.threads):
        network = job.network(window.config)
        calendar = calendar_for(network, experiment, series)
        train, validation = (
            window.samples(rows, model.cumulative, calendar)
            for rows in (window.chosen.train, window.chosen.validation)
        )
        positions = trades_positions(model)
        task, report = job.fit(
            network,
            window.objective(model, fold, series),
            consecutive_bars(train, series, window.target) if positions else train,
            consecutive_bars(validation, series, window.target) if positions else validation,
            score=score_of(job, window, calendar),
            augment=augmentation(
                model.fit.regularisation, getattr(window.config, "instance_norm", "none")
            ),
            fitted=window.scalers,
        )
        outlook = look_ahead(task.network, window.config, validation, window.target, window.steps)
    actual = window.future(validation.rows)
    return job.fitted(
        task,
        report,
        window.config,
        position_metrics(outlook, actual, window.steps)
        if positions
        else outlook_metrics(outlook, actual, model.cumulative, window.steps),
        output="position" if positions else "return",
        label_scale=label_spread(fold, series, experiment.data.label) if positions else 1.0,
        lookback=window.lookback,
        columns=window.channels,
        target=model.target,
        label_steps=window.steps,
        scalers=window.scalers,
        cumulative=model.cumulative,
        learned=window.chosen.learned,
    )


def outlook_metrics(
    outlook: Outlook, actual_NH: FloatArray, cumulative: bool, steps: int
) -> dict[str, float]:
    """Return the scores of forecasts against what came of the target."""
    path_NH = np.diff(outlook.path_NH, axis=1, prepend=0.0) if cumulative else outlook.path_NH
    metrics = target_metrics(path_NH, actual_NH, steps)
    if outlook.quantile_NQ is not None:
        metrics |= quantile_scores(outlook.quantile_NQ, actual_NH[:, :steps].sum(axis=1))
    return metrics


def score_of(
    job: Job, window: Windows, calendar: CalendarColumns | None
) -> ValidationSharpe | None:
    """Return what early stopping maximises; None where it looks at the loss."""
    model, series = cast(ForecastModel, job.model), job.data.series
    stop = model.fit.stop
    if stop.on != "sharpe":
        return None
    span = job.fold.validation
    chosen = [
        ~one.is_filled & window_fits(finite_rows(one), window.lookback) & span.mask(one.session)
        for one in series
    ]
    market, session, at = market_of(series, span, chosen, stop.costs)
    samples = [
        window.samples(
            torch.from_numpy(window.table.global_rows(number, rows).astype(np.int64)),
            model.cumulative,
            calendar,
        )
        for number, rows in enumerate(chosen)
    ]

    def positions(network: torch.nn.Module) -> list[FloatArray]:
        found = []
        for one in samples:
            outlook = look_ahead(network, window.config, one, window.target, 1)
            path = outlook.path_NH[:, 0] if len(outlook.path_NH) else np.empty(0)
            found.append(np.tanh(path) if trades_positions(model) else np.sign(path))
        return found

    return ValidationSharpe(market, session, at, positions, stop.costs)


@dataclass(frozen=True)
class Windows:
    """Scaled channels of one fold, and which of their rows make samples."""

    config: NetworkConfig
    channels: tuple[str, ...]
    target: int
    steps: int
    scalers: dict[str, Scaler]
    table: WindowTable
    chosen: Chosen

    @property
    def lookback(self) -> int:
        """L, as the network's config has it."""
        return int(cast(Any, self.config).lookback)

    @property
    def horizon(self) -> int:
        """H, as the network's config has it."""
        return int(cast(Any, self.config).horizon)

    def samples(
        self, rows: Tensor, cumulative: bool, calendar: CalendarColumns | None
    ) -> PastAndFuture:
        """Return the samples of some rows."""
        return PastAndFuture(self.table, rows, self.lookback, self.horizon, cumulative, calendar)

    def objective(
        self, model: TargetModel, fold: Fold, series: Sequence[Series]
    ) -> ForecastObjective | PortfolioObjective:
        """Return what the network is fitted by."""
        head = getattr(self.config, "head", None)
        if isinstance(model.loss, Sharpe):
            return PortfolioObjective(model.loss, head, self.target)
        weights = [
            1.0 if name == model.target else model.auxiliary_weight for name in self.channels
        ]
        loss = model.loss
        if loss is None and (head is None or head.kind == "point"):
            loss = SquaredError()
        lag = loss.naive_lag if loss is not None else 1
        scale = naive_errors(fold, series, self.scalers, lag)
        return ForecastObjective(loss, head, torch.tensor(weights), self.target, scale)

    def future(self, rows: Tensor) -> np.ndarray:
        """Return what came of the target (N, H), scaled."""
        return self.table.future(rows, self.horizon)[..., self.target].double().numpy()


def read_window(job: Job, model: TargetModel, fold: Fold, series: Sequence[Series]) -> Windows:
    """Scale a fold's channels and choose its samples.

    Raises:
        ConfigError: the label outlasts the network's horizon, or a span holds no window.
    """
    channels = model.computed_channels(job.experiment.data.features)
    place = channels.index(model.target)
    config = filled_in(
        model.network,
        channels=len(channels),
        time_columns=len(COLUMNS),
        instruments=len(job.experiment.data.instruments),
        target=place,
    )
    lookback, horizon = cast(Any, config).lookback, cast(Any, config).horizon
    label = job.experiment.data.label
    steps = common_label_steps(job.name, label, series, horizon)
    uncentred = () if model.center_target else (model.target,)
    scalers = fit_scalers(model, fold, series, channels, uncentred)
    table = scaled_table(series, scalers, job.experiment.hardware.memory_share)
    ends = [target_end(s.labels[label].end, s.close_time, horizon) for s in series]
    usable = [~s.is_filled & window_fits(finite_rows(s), lookback, horizon) for s in series]
    what = f"window of {lookback} + {horizon} bars"
    chosen = choose_rows(fold, series, table, ends, usable, model.fit.stride, what, lookback)
    return Windows(config, channels, place, steps, scalers, table, chosen)


def calendar_for(
    network: torch.nn.Module, experiment: ExperimentConfig, series: Sequence[Series]
) -> CalendarColumns | None:
    """Return the calendar columns where the network asks for them."""
    if not {"past_time", "future_time"} & asks_for(network):
        return None
    return CalendarColumns([s.close_time for s in series], minutes(experiment.data.frequency))


def predict(model: Loaded, data: Dataset, scope: Scope) -> Sequence[Predicted]:
    """Forecast the log return over the label's interval for every bar that can be forecast.

    Bars without a whole, finite window and filled bars are left out.

    Args:
        model: a forecaster's bundle.
        data: with the model's `columns` as features, from its training span's start on (for the
            scalers).
        scope: which bars.

    Raises:
        LookAheadError: a bar to forecast lies in the span that the model was trained on, or a
            series starts before the span its scaler was fitted on.
    """
    record, series = model.record, data.series
    lookback, horizon = record.lookback, int(cast(Any, record.network).horizon)
    calendar = None
    if {"past_time", "future_time"} & asks_for(model.network):
        calendar = CalendarColumns([s.close_time for s in series], minutes(record.frequency))

    def samples(table: WindowTable, rows: Tensor) -> PastAndFuture:
        return PastAndFuture(table, rows, lookback, horizon, record.cumulative, calendar)

    return predict_returns(model, series, scope, samples)


def predict_returns(
    model: Loaded,
    series: Sequence[Series],
    scope: Scope,
    samples: Callable[[WindowTable, Tensor], PastAndFuture],
) -> list[Predicted]:
    """Return what a model's windows say of the scope's bars; see `predict`.

    Args:
        model: its bundle.
        series: with the model's `columns` as features.
        scope: which bars.
        samples: makes the windows that end at some rows of the table of scaled features.
    """
    record = model.record
    place = record.columns.index(record.target or "")
    table = scaled_table(series, record.scalers)
    steps = record.label_steps or int(cast(Any, record.network).horizon)
    results = []
    with reproducible(record.seed, record.threads):
        for number, one in enumerate(series):
            chosen = ~one.is_filled & window_fits(finite_rows(one), record.lookback)
            chosen &= scope.rows(record, one)
            rows = torch.from_numpy(table.global_rows(number, chosen).astype(np.int64))
            windows = samples(table, rows)
            outlook = look_ahead(model.network, record.network, windows, place, steps)
            scaler = record.scalers[one.instrument]
            path_NH = scaler.undo(outlook.path_NH, record.columns[place])
            if record.output == "position":
                position = np.tanh(outlook.path_NH[:, 0]) if len(path_NH) else np.empty(0)
                results.append(Predicted(np.flatnonzero(chosen), position * record.label_scale))
                continue
            if record.cumulative:
                total = path_NH[:, steps - 1] if len(path_NH) else np.empty(0)
            else:
                total = path_NH[:, :steps].sum(axis=1)
            quantiles = outlook.quantile_NQ
            if quantiles is not None:
                quantiles = scaler.undo(quantiles, record.columns[place])
            results.append(Predicted(np.flatnonzero(chosen), total, quantiles))
    return results
