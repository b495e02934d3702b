"""Pretraining: the masked language model over a fold's training tokens, and nothing later."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.lake import Lake
from fints_pipeline.models._bert import BertSettings
from fints_pipeline.training.batches import Batches
from fints_pipeline.training.bundles import Fitted
from fints_pipeline.training.config import ExperimentConfig, MaskedTokensModel, ModelConfig
from fints_pipeline.training.job import Job
from fints_pipeline.training.learned import Learned, by_series, learned_from
from fints_pipeline.training.loop import mean_loss
from fints_pipeline.training.objectives import masked_cross_entropy
from fints_pipeline.training.seeds import reproducible
from fints_pipeline.training.session_samples import SessionTokens, session_sequences
from fints_pipeline.training.token_form import TokenForm
from fints_pipeline.training.token_frequencies import TokenFrequencies
from fints_pipeline.training.token_samples import MaskedTokens
from fints_pipeline.training.tokens import (
    FRAME,
    FoldVocabulary,
    Ids,
    TokenData,
    TokenLine,
    id_table,
    last_sessions,
    load_tokens,
    sequence_rows,
)
from fints_pipeline.walkforward.folds import Fold, Span

SCORING_BATCH = 256


def load(
    lake: Lake,
    experiment: ExperimentConfig,
    model: ModelConfig,
    vocabulary: FoldVocabulary | None,
    span: Span,
) -> TokenData:
    """Return the fold's tokens."""
    fields = experiment.reads_fields(model)
    return load_tokens(
        lake, experiment.data, cast(FoldVocabulary, vocabulary), span, factorised=fields
    )


def fit(job: Job) -> Fitted:
    """Fit a masked language model.

    Weights and early stopping see the training span alone: the early-stopping loss is that of the
    span's last sessions. The validation span is scored once, after the fit.

    Raises:
        ConfigError: a span is too short for a sequence.
    """
    model, vocabulary = cast(MaskedTokensModel, job.model), cast(FoldVocabulary, job.vocabulary)
    experiment, fold, lines = job.experiment, job.fold, job.data.lines
    config = job.data.form.fit(cast(BertSettings, model.network))
    length = config.max_length - FRAME
    known = TokenFrequencies(_ids_of(lines, fold.train), job.data.form.sizes)
    splits = _split(job.name, model, fold, lines, length, job.data.form)
    learned = _learned(fold, lines, splits, length)
    with reproducible(experiment.seed, experiment.hardware.threads):
        network = known.start(job.network(config))
        task, report = job.fit(network, masked_cross_entropy, splits.train, splits.holdout)
        batches = Batches(splits.validation, SCORING_BATCH, experiment.seed, shuffle=False)
        scored = mean_loss(task.network, masked_cross_entropy, batches)
    metrics = {
        "validation_perplexity": math.exp(scored),
        "holdout_perplexity": math.exp(report.best_loss),
        "unigram_perplexity": known.perplexity(_ids_of(lines, fold.validation)),
    }
    return job.fitted(
        task,
        report,
        config,
        metrics,
        lookback=length,
        output="none",
        learned=learned,
        vocabulary_digest=vocabulary.digest,
    )


@dataclass(frozen=True)
class _Splits:
    train: MaskedTokens | SessionTokens
    holdout: MaskedTokens | SessionTokens
    validation: MaskedTokens | SessionTokens


def _split(
    name: str,
    model: MaskedTokensModel,
    fold: Fold,
    lines: Sequence[TokenLine],
    length: int,
    form: TokenForm,
) -> _Splits:
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
    parts: dict[str, MaskedTokens | SessionTokens] = {}
    for part, rows in masks.items():
        if model.sequences == "sessions":
            dates = [line.series.session for line in lines]
            ends, lengths = session_sequences(table, dates, rows, length)
            parts[part] = SessionTokens(table, ends, lengths, model.masked, form, model.buckets)
        else:
            ends = sequence_rows(table, rows, length, strides[part])
            parts[part] = MaskedTokens(table, ends, length, model.masked, form)
        if not len(ends):
            raise ConfigError(
                f"no sequence of {length} tokens fits into the {part} part of fold {fold.key}",
                fix=f"lower models.{name}.network.max_length or lengthen the spans",
            )
    return _Splits(**parts)


def _learned(fold: Fold, lines: Sequence[TokenLine], splits: _Splits, length: int) -> Learned:
    """Return the time that weights and early stopping saw."""
    offsets = splits.train.table.offsets
    own = {"train": splits.train, "holdout": splits.holdout}
    if isinstance(splits.train, SessionTokens):
        length = 1  # every row is named, not the last of each sequence alone
    series = [line.series for line in lines]
    rows = {name: by_series(_rows_of(found), offsets) for name, found in own.items()}
    return learned_from(dict.fromkeys(rows, fold.train), series, rows, length)


def _rows_of(samples: MaskedTokens | SessionTokens) -> Ids:
    rows = samples.every_row if isinstance(samples, SessionTokens) else samples.rows
    return np.asarray(rows.numpy(), np.int64)


def _ids_of(lines: Sequence[TokenLine], span: Span) -> Ids:
    return np.concatenate([line.ids[span.mask(line.series.session)] for line in lines])
