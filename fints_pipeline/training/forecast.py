"""PatchTST: forecasts of the next returns, a channel each."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from fints_pipeline.base.errors import ConfigError, SchemaError
from fints_pipeline.models import patchtst
from fints_pipeline.training.bundles import Fitted
from fints_pipeline.training.config import ExperimentConfig, PatchTSTModel
from fints_pipeline.training.dataset import BoolArray, Dataset, FloatArray, Label, Series, Stamps
from fints_pipeline.training.loop import FitTask, OnMetrics, fit_network
from fints_pipeline.training.objectives import ChannelSquaredError
from fints_pipeline.training.record import TrainingRecord, common_fields
from fints_pipeline.training.samples import PastAndFuture
from fints_pipeline.training.scalers import SCALERS, Scaler
from fints_pipeline.training.scoring import correlation
from fints_pipeline.training.seeds import reproducible
from fints_pipeline.training.windows import WindowTable, window_fits
from fints_pipeline.walkforward.folds import Fold, fold_masks

SCORING_BATCH = 512


def train_patchtst(
    experiment: ExperimentConfig,
    fold: Fold,
    data: Dataset,
    on_metrics: OnMetrics | None = None,
) -> Fitted:
    """Fit the fold's PatchTST on scaled feature channels.

    A sample is the window of L bars up to bar t and the H bars after it. Samples of which the
    label or the H bars reach into a later span are purged; early stopping is on validation.

    Args:
        experiment: with a `models.patchtst` section.
        fold: its spans.
        data: channels of `channels_of` and the label, of the training and validation spans.
        on_metrics: is given each epoch's metrics and the step.

    Raises:
        ConfigError: the label outlasts the network's horizon, or a span holds no window.
    """
    model = experiment.models.patchtst
    if model is None:
        raise ConfigError("the experiment has no `models.patchtst` section")
    series = data.series
    channels = channels_of(experiment)
    steps = _common_label_steps(experiment, model, series)
    scalers = {one.instrument: _fit_scaler(model, fold, one, channels) for one in series}
    table = WindowTable([scalers[s.instrument].apply(s.features, s.close_time) for s in series])
    train, validation = _split(experiment, model, fold, series, table)
    weights = _channel_weights(model, channels)
    with reproducible(experiment.seed, experiment.threads):
        task = FitTask(
            patchtst.build(model.network),
            ChannelSquaredError(weights),
            train,
            validation,
            model.fit,
            experiment.seed,
        )
        report = fit_network(
            task, name="patchtst", accelerator=experiment.accelerator, on_metrics=on_metrics
        )
        place = channels.index(model.target)
        forecast_NH = target_forecasts(
            task.network, table, validation.rows, model.network.lookback, place
        )
    actual_NHC = table.future(validation.rows, model.network.horizon).double().numpy()
    record = TrainingRecord.model_validate(
        {
            **common_fields(experiment, fold, "patchtst"),
            "inputs": data.inputs,
            "metrics": _metrics(forecast_NH, actual_NHC[..., place], steps),
            "fit": report.record(task),
            "lookback": model.network.lookback,
            "columns": channels,
            "target": model.target,
            "label_steps": steps,
            "scalers": scalers,
        }
    )
    return Fitted(task.network, model.network, record)


def channels_of(experiment: ExperimentConfig) -> tuple[str, ...]:
    """Return the channels that PatchTST computes; those without weight in its loss are left out."""
    model = experiment.models.patchtst
    if model is None:
        raise ConfigError("the experiment has no `models.patchtst` section")
    if model.auxiliary_weight == 0:
        return (model.target,)
    return model.channels if model.channels is not None else experiment.data.features


@torch.no_grad()
def target_forecasts(
    network: nn.Module, table: WindowTable, rows: Tensor, lookback: int, channel: int
) -> FloatArray:
    """Return one channel's forecasts (N, H) from the windows that end at ``rows``, scaled units."""
    network.eval()
    parts = [
        network(table.past(some, lookback))[:, :, channel].double().numpy()
        for some in torch.split(rows, SCORING_BATCH)
        if len(some)
    ]
    return np.concatenate(parts) if parts else np.empty((0, 0))


def label_steps(label: Label, open_time: Stamps) -> int:
    """Return h, the whole bars that a label's return runs over after the current bar.

    The label enters at the open of bar t + 1 and ends at that of bar t + 1 + h, so that the closes
    of bars t … t + h, and hence h log returns from close to close, cover it up to the jumps between
    a close and the open after it.

    Raises:
        SchemaError: no label is known, or its interval has no fixed number of bars.
    """
    known = np.flatnonzero(label.end <= open_time[-1])  # False for NaT
    bars = np.unique(np.searchsorted(open_time, label.end[known]) - known)
    if len(bars) != 1:
        found = "no known value" if not len(bars) else f"{bars.min()} to {bars.max()} bars"
        raise SchemaError(
            f"a forecast needs a label over a fixed number of bars, this one has {found}",
            fix="choose a forward return over a horizon as data.label",
        )
    return int(bars[0]) - 1


def _common_label_steps(
    experiment: ExperimentConfig, model: PatchTSTModel, series: Sequence[Series]
) -> int:
    name = experiment.data.label
    steps = {label_steps(one.labels[name], one.open_time) for one in series}
    if len(steps) != 1 or max(steps) > model.network.horizon:
        raise ConfigError(
            f"label {name!r} runs over {sorted(steps)} bars, PatchTST forecasts "
            f"{model.network.horizon}",
            fix=f"set models.patchtst.network.horizon to at least {max(steps)}",
        )
    return steps.pop()


def _fit_scaler(
    model: PatchTSTModel, fold: Fold, series: Series, channels: tuple[str, ...]
) -> Scaler:
    rows = fold.train.mask(series.session)
    if not rows.any():
        raise SchemaError(f"{series.instrument} has no bars in the training span of {fold.key}")
    return SCALERS[model.scaler].fit(
        series.features[rows],
        series.close_time[rows],
        channels,
        clip=model.clip,
        uncentred=() if model.center_target else (model.target,),
    )


def _split(
    experiment: ExperimentConfig,
    model: PatchTSTModel,
    fold: Fold,
    series: Sequence[Series],
    table: WindowTable,
) -> tuple[PastAndFuture, PastAndFuture]:
    network = model.network
    chosen: dict[str, list[BoolArray]] = {"train": [], "validation": []}
    for one in series:
        ends = _target_end(one.labels[experiment.data.label].end, one.close_time, network.horizon)
        masks = fold_masks(fold, one.session, one.open_time, one.close_time, ends)
        usable = ~one.is_filled & window_fits(finite_rows(one), network.lookback, network.horizon)
        chosen["train"].append(masks.train & usable)
        chosen["validation"].append(masks.validation & usable)
    splits = {}
    for name, masks_of in chosen.items():
        found = [table.global_rows(i, m, model.fit.stride) for i, m in enumerate(masks_of)]
        rows = torch.from_numpy(np.concatenate(found).astype(np.int64))
        if not len(rows):
            raise ConfigError(
                f"fold {fold.key} holds no window of {network.lookback} + {network.horizon} bars "
                f"in {name}",
                fix="lower models.patchtst.network.lookback or horizon, or lengthen the spans",
            )
        splits[name] = PastAndFuture(table, rows, network.lookback, network.horizon)
    return splits["train"], splits["validation"]


def _target_end(label_end: Stamps, close_time: Stamps, horizon: int) -> Stamps:
    """Return when both the label and the H bars after each row are known; NaT if either is not."""
    ends = np.full(len(close_time), np.datetime64("NaT"), dtype="datetime64[us]")
    reach = max(0, len(close_time) - horizon)
    ends[:reach] = np.maximum(close_time[horizon:], label_end[:reach])  # NaT where either is NaT
    return ends


def finite_rows(series: Series) -> BoolArray:
    """Mark the rows (T,) of which every feature is there."""
    return np.asarray(np.isfinite(series.features).all(axis=1))


def _channel_weights(model: PatchTSTModel, channels: tuple[str, ...]) -> Tensor:
    weights = [1.0 if name == model.target else model.auxiliary_weight for name in channels]
    return torch.tensor(weights)


def _metrics(forecast_NH: FloatArray, actual_NH: FloatArray, steps: int) -> dict[str, float]:
    """Return errors in scaled units beside those of "no change", and how forecasts correlate.

    `mse` is per step, `return_mse` that of the return over the label's steps.
    """
    total, actual = forecast_NH[:, :steps].sum(axis=1), actual_NH[:, :steps].sum(axis=1)
    return {
        "mse": float(((forecast_NH - actual_NH) ** 2).mean()),
        "no_change_mse": float((actual_NH**2).mean()),
        "return_mse": float(((total - actual) ** 2).mean()),
        "no_change_return_mse": float((actual**2).mean()),
        "return_correlation": correlation(total, actual),
    }
