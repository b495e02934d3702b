"""Feature channels on one scale, and which rows of them make samples."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fints_pipeline.base.errors import ConfigError, SchemaError
from fints_pipeline.training.config.kinds import ChannelModel
from fints_pipeline.training.dataset import BoolArray, FloatArray, Label, Series, Stamps
from fints_pipeline.training.hardware import memory_bytes
from fints_pipeline.training.learned import Learned, by_series, learned_from
from fints_pipeline.training.scalers import SCALERS, Scaler
from fints_pipeline.training.windows import WindowTable
from fints_pipeline.walkforward.folds import Fold, fold_masks

log = logging.getLogger("fints_pipeline.training")


def fit_scalers(
    model: ChannelModel,
    fold: Fold,
    series: Sequence[Series],
    channels: tuple[str, ...],
    uncentred: tuple[str, ...] = (),
) -> dict[str, Scaler]:
    """Return each instrument's scaler, fitted on the fold's training span.

    Args:
        model: the kind of scaler and its clip.
        fold: its training span.
        series: with `channels` as features.
        channels: names of the features.
        uncentred: channels of which 0 stays 0.

    Raises:
        SchemaError: an instrument has no bars in the training span.
    """
    scalers: dict[str, Scaler] = {}
    for one in series:
        rows = fold.train.mask(one.session)
        if not rows.any():
            raise SchemaError(f"{one.instrument} has no bars in the training span of {fold.key}")
        fitted = SCALERS[model.scaler].fit(
            one.features[rows],
            one.close_time[rows],
            channels,
            clip=model.clip,
            uncentred=uncentred,
        )
        scalers[one.instrument] = fitted.model_copy(update={"both_ways": not fold.is_ordered})
    return scalers


def scaled_table(
    series: Sequence[Series], scalers: Mapping[str, Scaler], memory_share: float = 1.0
) -> WindowTable:
    """Return all series' scaled features as one table.

    Args:
        series: their features.
        scalers: by instrument.
        memory_share: of the machine's memory; a larger table is mapped from a file.
    """
    rows = sum(len(one) for one in series)
    size = rows * series[0].features.shape[1] * np.dtype(np.float32).itemsize
    mapped = size > memory_share * memory_bytes()
    if mapped:
        log.info("the windows' table takes %.1f GB: it is mapped from a file", size / 1e9)
    blocks = (scalers[one.instrument].apply(one.features, one.close_time) for one in series)
    return WindowTable(blocks, rows if mapped else None)


def naive_errors(
    fold: Fold, series: Sequence[Series], scalers: Mapping[str, Scaler], lag: int
) -> Tensor:
    """Return mean |x_t − x_{t−lag}| (I, C) of the scaled training span, 1 where nothing moves."""
    errors = []
    for one in series:
        x_TC = scalers[one.instrument].apply(one.features, one.close_time)
        x_TC = x_TC[fold.train.mask(one.session)]
        moves = np.abs(x_TC[lag:] - x_TC[:-lag])
        errors.append(np.nanmean(moves, axis=0) if len(moves) else np.ones(x_TC.shape[1]))
    found = torch.from_numpy(np.stack(errors)).float()
    return torch.where(found > 0, found, 1.0)


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


def common_label_steps(
    name: str, label: str, series: Sequence[Series], horizon: int | None = None
) -> int:
    """Return the bars that a label's return runs over, the same for every instrument.

    Raises:
        ConfigError: instruments differ, or the label outlasts what the model ``name`` forecasts.
    """
    steps = {label_steps(one.labels[label], one.open_time) for one in series}
    reach = max(steps) if horizon is None else horizon
    if len(steps) != 1 or max(steps) > reach:
        raise ConfigError(
            f"label {label!r} runs over {sorted(steps)} bars, {name} forecasts {reach}",
            fix=f"set models.{name}.network.horizon to at least {max(steps)}",
        )
    return steps.pop()


@dataclass(frozen=True)
class Chosen:
    """Global rows of a fold's samples, int64, and the time that they cover."""

    train: Tensor
    validation: Tensor
    learned: Learned


def choose_rows(
    fold: Fold,
    series: Sequence[Series],
    table: WindowTable,
    label_ends: Sequence[Stamps],
    usable: Sequence[BoolArray],
    stride: int,
    what: str,
    context: int,
) -> Chosen:
    """Return the rows of each split whose label lies within it, every ``stride``-th.

    Args:
        fold: its spans; rows whose label reaches into a later one are purged.
        series: of the table.
        table: gives global rows.
        label_ends: per series when each row's target is known (NaT if never).
        usable: per series the rows whose window is there.
        stride: bars from sample to sample.
        what: a sample, in words, for the error.
        context: rows that a sample takes, its own the last.

    Raises:
        ConfigError: a split holds no sample.
    """
    rows: dict[str, list[np.ndarray]] = {"train": [], "validation": []}
    for number, (one, ends, good) in enumerate(zip(series, label_ends, usable, strict=True)):
        masks = fold_masks(fold, one.session, one.open_time, one.close_time, ends, context)
        rows["train"].append(table.global_rows(number, masks.train & good, stride))
        rows["validation"].append(table.global_rows(number, masks.validation & good, stride))
    joined = {
        name: torch.from_numpy(np.concatenate(r).astype(np.int64)) for name, r in rows.items()
    }
    for name, found in joined.items():
        if not len(found):
            raise ConfigError(
                f"fold {fold.key} holds no {what} in {name}",
                fix="shorten the model's lookback or horizon, or lengthen the spans",
            )
    local = {name: by_series(found.numpy(), table.offsets) for name, found in joined.items()}
    learned = learned_from(fold.spans, series, local, context, label_ends)
    return Chosen(joined["train"], joined["validation"], learned)


def target_end(label_end: Stamps, close_time: Stamps, horizon: int) -> Stamps:
    """Return when both the label and the H bars after each row are known; NaT if either is not."""
    ends = np.full(len(close_time), np.datetime64("NaT"), dtype="datetime64[us]")
    reach = max(0, len(close_time) - horizon)
    ends[:reach] = np.maximum(close_time[horizon:], label_end[:reach])  # NaT where either is NaT
    return ends


def finite_rows(series: Series) -> BoolArray:
    """Mark the rows (T,) of which every feature is there."""
    return np.asarray(np.isfinite(series.features).all(axis=1))


def target_metrics(forecast_NH: FloatArray, actual_NH: FloatArray, steps: int) -> dict[str, float]:
    """Return errors in scaled units beside those of "no change", and how forecasts correlate.

    `mse` is per step, `return_mse` that of the return over the label's steps.
    """
    from fints_pipeline.training.scoring import correlation

    total, actual = forecast_NH[:, :steps].sum(axis=1), actual_NH[:, :steps].sum(axis=1)
    return {
        "mse": float(((forecast_NH - actual_NH) ** 2).mean()),
        "no_change_mse": float((actual_NH**2).mean()),
        "return_mse": float(((total - actual) ** 2).mean()),
        "no_change_return_mse": float((actual**2).mean()),
        "return_correlation": correlation(total, actual),
    }
