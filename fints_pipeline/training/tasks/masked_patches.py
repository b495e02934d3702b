"""Pretraining: hidden patches of feature channels are filled in; the training span alone."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.batches import Batch, Batches
from fints_pipeline.training.bundles import Fitted
from fints_pipeline.training.channels import finite_rows, fit_scalers, scaled_table
from fints_pipeline.training.config import ExperimentConfig, MaskedPatchesModel, ModelConfig
from fints_pipeline.training.dataset import BoolArray, Columns, Dataset, load_dataset
from fints_pipeline.training.job import Job, filled_in
from fints_pipeline.training.learned import by_series, learned_from
from fints_pipeline.training.loop import mean_loss
from fints_pipeline.training.patch_samples import MaskedPatches
from fints_pipeline.training.seeds import reproducible
from fints_pipeline.training.tokens import FoldVocabulary, last_sessions
from fints_pipeline.training.windows import WindowTable, window_fits
from fints_pipeline.walkforward.folds import Span

SCORING_BATCH = 256


def load(
    lake: Lake,
    experiment: ExperimentConfig,
    model: ModelConfig,
    vocabulary: FoldVocabulary | None,
    span: Span,
) -> Dataset:
    """Return the model's channels."""
    return load_dataset(lake, experiment.data, Columns(_channels(experiment, model)), span)


WEIGHTS_SEE = ("train", "holdout")


def fit(job: Job) -> Fitted:
    """Fit a network on hidden patches.

    Weights and early stopping see the training span alone: the early-stopping loss is that of the
    span's last sessions. The validation span is scored once, after the fit.

    Raises:
        ConfigError: a span is too short for a window.
    """
    model, experiment = cast(MaskedPatchesModel, job.model), job.experiment
    series = job.data.series
    channels = _channels(experiment, model)
    scalers = fit_scalers(model, job.fold, series, channels, model.uncentred)
    table = scaled_table(series, scalers, job.experiment.hardware.memory_share)
    config = filled_in(model.network, channels=len(channels))
    parts = _split(job, model, table, cast(Any, config))
    rows = {name: by_series(parts[name].rows.numpy(), table.offsets) for name in WEIGHTS_SEE}
    spans = dict.fromkeys(WEIGHTS_SEE, job.fold.train)
    learned = learned_from(spans, series, rows, cast(Any, config).lookback)
    with reproducible(experiment.seed, experiment.hardware.threads):
        task, report = job.fit(
            job.network(config), hidden_error, parts["train"], parts["holdout"], fitted=scalers
        )
        batches = Batches(parts["validation"], SCORING_BATCH, experiment.seed, shuffle=False)
        scored = mean_loss(task.network, hidden_error, batches)
    return job.fitted(
        task,
        report,
        config,
        {"validation_mse": scored, "holdout_mse": report.best_loss},
        lookback=cast(Any, config).lookback,
        columns=channels,
        scalers=scalers,
        output="none",
        learned=learned,
    )


def hidden_error(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Return the mean squared error of the hidden patches, and how many there are."""
    guess, actual = network(past=batch["past"], masked=batch["masked"])
    hidden = batch["masked"]
    return (guess - actual).square().mean(dim=-1)[hidden].mean(), hidden.sum()


def _channels(experiment: ExperimentConfig, model: ModelConfig) -> tuple[str, ...]:
    own = cast(MaskedPatchesModel, model).channels
    return own if own is not None else experiment.data.features


def _split(
    job: Job, model: MaskedPatchesModel, table: WindowTable, config: Any
) -> dict[str, MaskedPatches]:
    series, fold = job.data.series, job.fold
    training = [fold.train.mask(one.session) for one in series]
    sessions = [one.session[mask] for one, mask in zip(series, training, strict=True)]
    held_from = last_sessions(np.concatenate(sessions), model.holdout)
    late = [one.session >= held_from for one in series]
    pairs = list(zip(training, late, strict=True))
    masks = {
        "train": [mask & ~held for mask, held in pairs],
        "holdout": [mask & held for mask, held in pairs],
        "validation": [fold.validation.mask(one.session) for one in series],
    }
    strides = {"train": model.fit.stride, "holdout": config.patch, "validation": config.patch}
    parts = {}
    for part, own in masks.items():
        chosen: list[BoolArray] = [
            ~one.is_filled & window_fits(mask & finite_rows(one), config.lookback)
            for one, mask in zip(series, own, strict=True)
        ]
        found = [table.global_rows(i, mask, strides[part]) for i, mask in enumerate(chosen)]
        rows = torch.from_numpy(np.concatenate(found).astype(np.int64))
        if not len(rows):
            raise ConfigError(
                f"no window of {config.lookback} bars fits into the {part} part of fold {fold.key}",
                fix=f"lower models.{job.name}.network.lookback or lengthen the spans",
            )
        parts[part] = MaskedPatches(table, rows, config.lookback, config.patches, model.masked)
    return parts
