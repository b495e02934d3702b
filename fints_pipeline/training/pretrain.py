"""Pretraining: the masked language model over a fold's training tokens, and nothing later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.models import brooks_mlm
from fints_pipeline.training.batches import Batches
from fints_pipeline.training.bundles import Fitted
from fints_pipeline.training.config import ExperimentConfig, MlmModel
from fints_pipeline.training.dataset import FloatArray
from fints_pipeline.training.loop import FitTask, OnMetrics, fit_network, mean_loss
from fints_pipeline.training.objectives import masked_cross_entropy
from fints_pipeline.training.record import TrainingRecord, common_fields
from fints_pipeline.training.samples import MaskedTokens
from fints_pipeline.training.seeds import reproducible
from fints_pipeline.training.tokens import (
    FRAME,
    FoldVocabulary,
    Ids,
    TokenData,
    TokenLine,
    id_table,
    last_sessions,
    sequence_rows,
)
from fints_pipeline.walkforward.folds import Fold, Span

SCORING_BATCH = 256


def pretrain(
    experiment: ExperimentConfig,
    fold: Fold,
    data: TokenData,
    vocabulary: FoldVocabulary,
    on_metrics: OnMetrics | None = None,
) -> Fitted:
    """Fit the fold's masked language model.

    Weights and early stopping see the training span alone: the early-stopping loss is that of the
    span's last sessions. The validation span is scored once, after the fit.

    Args:
        experiment: with a `models.mlm` section.
        fold: its spans.
        data: tokens of the training and validation spans.
        vocabulary: fitted on the same training span.
        on_metrics: is given each epoch's metrics and the step.

    Raises:
        ConfigError: a span is too short for a sequence.
    """
    model = experiment.models.mlm
    if model is None:
        raise ConfigError("the experiment has no `models.mlm` section")
    config = model.network.model_copy(update={"vocabulary_size": len(vocabulary.encoder)})
    log_frequency_V = _log_frequencies(fold, data.lines, len(vocabulary.encoder))
    splits = _split(model, fold, data.lines, len(vocabulary.encoder))
    with reproducible(experiment.seed, experiment.threads):
        task = FitTask(
            _starting_at(log_frequency_V, brooks_mlm.build(config)),
            masked_cross_entropy,
            splits.train,
            splits.holdout,
            model.fit,
            experiment.seed,
        )
        report = fit_network(
            task, name="mlm", accelerator=experiment.accelerator, on_metrics=on_metrics
        )
        batches = Batches(splits.validation, SCORING_BATCH, experiment.seed, shuffle=False)
        scored = mean_loss(task.network, masked_cross_entropy, batches)
    metrics = {
        "validation_perplexity": math.exp(scored),
        "holdout_perplexity": math.exp(report.best_loss),
        "unigram_perplexity": _unigram_perplexity(fold, data.lines, log_frequency_V),
    }
    record = TrainingRecord.model_validate(
        {
            **common_fields(experiment, fold, "mlm"),
            "inputs": data.inputs,
            "metrics": metrics,
            "fit": report.record(task),
            "lookback": config.max_length - FRAME,
            "vocabulary_digest": vocabulary.digest,
        }
    )
    return Fitted(task.network, config, record)


def _log_frequencies(fold: Fold, lines: Sequence[TokenLine], vocabulary_size: int) -> FloatArray:
    """Return ln of each id's share (V,) of the training span, one added to each count."""
    seen = np.concatenate([_ids_of(line, fold.train) for line in lines])
    counts = np.bincount(seen, minlength=vocabulary_size) + 1.0
    log_share_V: FloatArray = np.log(counts / counts.sum())
    return log_share_V


def _starting_at(log_frequency_V: FloatArray, network: nn.Module) -> nn.Module:
    """Let the output layer's bias start at the training frequencies.

    The first steps would otherwise go into learning how often each token occurs.
    """
    with torch.no_grad():
        bias = network.get_output_embeddings().bias  # type: ignore[operator]
        bias.copy_(torch.from_numpy(log_frequency_V))
    return network


def _unigram_perplexity(
    fold: Fold, lines: Sequence[TokenLine], log_frequency_V: FloatArray
) -> float:
    """Return the validation perplexity of the training frequencies alone.

    It is what a model without any context reaches; one that learned from context is below it.
    """
    later = np.concatenate([_ids_of(line, fold.validation) for line in lines])
    return float(np.exp(-log_frequency_V[later].mean()))


@dataclass(frozen=True)
class _Splits:
    train: MaskedTokens
    holdout: MaskedTokens
    validation: MaskedTokens


def _split(
    model: MlmModel, fold: Fold, lines: Sequence[TokenLine], vocabulary_size: int
) -> _Splits:
    length = model.network.max_length - FRAME
    table = id_table(lines)
    training = [fold.train.mask(line.series.session) for line in lines]
    sessions = [line.series.session[mask] for line, mask in zip(lines, training, strict=True)]
    held_from = last_sessions(np.concatenate(sessions), model.holdout)
    late = [line.series.session >= held_from for line in lines]
    masks = {
        "train": [mask & ~held for mask, held in zip(training, late, strict=True)],
        "holdout": [mask & held for mask, held in zip(training, late, strict=True)],
        "validation": [fold.validation.mask(line.series.session) for line in lines],
    }
    strides = {"train": model.fit.stride, "holdout": length, "validation": length}
    parts = {}
    for name, rows in masks.items():
        ends = sequence_rows(table, rows, length, strides[name])
        if not len(ends):
            raise ConfigError(
                f"no sequence of {length} tokens fits into the {name} part of fold {fold.key}",
                fix="lower models.mlm.network.max_length or lengthen the spans",
            )
        parts[name] = MaskedTokens(table, ends, length, model.masked, vocabulary_size)
    return _Splits(**parts)


def _ids_of(line: TokenLine, span: Span) -> Ids:
    return line.ids[span.mask(line.series.session)]
