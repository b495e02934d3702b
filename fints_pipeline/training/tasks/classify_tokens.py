"""Classifying the last bar of a sequence of tokens: the direction of the next bars, or a regime."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

import numpy as np
import torch
from torch import nn

from fints_pipeline.base.lake import Lake
from fints_pipeline.training.bundles import Fitted, Loaded
from fints_pipeline.training.channels import choose_rows
from fints_pipeline.training.class_labels import Classes, class_weights, unweighted
from fints_pipeline.training.config import ClassifyTokensModel, ExperimentConfig, ModelConfig
from fints_pipeline.training.config.kinds import LabelledTokensModel
from fints_pipeline.training.dataset import FloatArray
from fints_pipeline.training.job import Job, batched
from fints_pipeline.training.learned import Learned
from fints_pipeline.training.objectives import ClassObjective, token_output
from fints_pipeline.training.predicted import Predicted
from fints_pipeline.training.scope import Scope
from fints_pipeline.training.scoring import class_metrics
from fints_pipeline.training.seeds import generator, reproducible
from fints_pipeline.training.token_labels import (
    TokenSettings,
    classes_in_training,
    label_column,
    load_labelled,
    token_settings,
)
from fints_pipeline.training.token_samples import LabelledTokens
from fints_pipeline.training.tokens import FoldVocabulary, TokenData, id_table
from fints_pipeline.training.windows import window_fits
from fints_pipeline.walkforward.folds import Fold, Span

SCORING_BATCH = 512


def load(
    lake: Lake,
    experiment: ExperimentConfig,
    model: ModelConfig,
    vocabulary: FoldVocabulary | None,
    span: Span,
) -> TokenData:
    """Return tokens, the label of the classes, and the return that predictions are scored by."""
    return load_labelled(lake, experiment, cast(ClassifyTokensModel, model), vocabulary, span)


def fit(job: Job) -> Fitted:
    """Fit a classifier, usually from a pretrained encoder.

    A sample is the last L tokens up to bar t and the label of t. Samples whose label reaches into a
    later span are purged; early stopping is on the validation span.

    Raises:
        ConfigError: a span holds no labelled sequence.
    """
    model, experiment = cast(ClassifyTokensModel, job.model), job.experiment
    column = label_column(experiment, model)
    classes = classes_in_training(experiment, model, job.fold, job.data)
    settings = token_settings(job, model, classes)
    train, validation, learned = labelled_splits(
        model, job.fold, job.data, column, classes, settings
    )
    weights = class_weights(train.classes, len(classes), model.class_weights)
    with reproducible(experiment.seed, experiment.hardware.threads):
        task, report = job.fit(
            job.network(settings.config), ClassObjective(model.loss, weights), train, validation
        )
        p_NK = unweighted(probabilities(task.network, validation), weights.tolist())
    return job.fitted(
        task,
        report,
        settings.config,
        class_metrics(p_NK, train.classes.numpy(), validation.classes.numpy()),
        lookback=settings.lookback,
        output="classes",
        label=column,
        classes=classes.values,
        class_names=classes.names,
        class_weights=tuple(weights.tolist()),
        vocabulary_digest=cast(FoldVocabulary, job.vocabulary).digest,
        learned=learned,
    )


@torch.no_grad()
def probabilities(network: nn.Module, samples: LabelledTokens) -> FloatArray:
    """Return what the network's softmax says, (N, K)."""
    network.eval()
    parts = [
        token_output(network, samples.batch(positions, generator(0))).logits
        for positions in batched(len(samples), SCORING_BATCH)
    ]
    if not parts:
        return np.empty((0, 1))
    p_NK: FloatArray = torch.cat([logits.double().softmax(-1) for logits in parts]).numpy()
    return p_NK


def predict(model: Loaded, data: TokenData, scope: Scope) -> Sequence[Predicted]:
    """Return the probabilities of the classes for every bar with a whole sequence.

    Raises:
        LookAheadError: a bar to classify lies in the span that the model was trained on.
    """
    return predict_classes(model, data, scope, probabilities)


def predict_classes(
    model: Loaded,
    data: TokenData,
    scope: Scope,
    probabilities: Callable[[nn.Module, LabelledTokens], FloatArray],
) -> list[Predicted]:
    """Return what ``probabilities`` gives for every bar of the scope with a whole sequence."""
    record, form = model.record, data.form
    table = id_table(data.lines)
    results = []
    with reproducible(record.seed, record.threads):
        for number, line in enumerate(data.lines):
            chosen = window_fits(np.ones(len(line.ids), bool), record.lookback)
            chosen &= scope.rows(record, line.series)
            rows = torch.from_numpy(table.global_rows(number, chosen).astype(np.int64))
            samples = LabelledTokens(table, rows, record.lookback, torch.zeros_like(rows), form)
            p_NK = unweighted(probabilities(model.network, samples), record.class_weights or (1.0,))
            results.append(Predicted(np.flatnonzero(chosen), probabilities=p_NK))
    return results


def labelled_splits(
    model: LabelledTokensModel,
    fold: Fold,
    data: TokenData,
    column: str,
    classes: Classes,
    settings: TokenSettings,
) -> tuple[LabelledTokens, LabelledTokens, Learned]:
    """Return the samples of the training and the validation span, purged, and their time.

    Raises:
        ConfigError: a span holds none.
    """
    table, lookback = id_table(data.lines), settings.lookback
    numbers = [classes.number(one.labels[column].value) for one in data.series]
    usable = [
        (number >= 0) & window_fits(np.ones(len(number), bool), lookback) for number in numbers
    ]
    ends = [one.labels[column].end for one in data.series]
    what = f"labelled sequence of {lookback} tokens"
    chosen = choose_rows(fold, data.series, table, ends, usable, model.fit.stride, what, lookback)
    joined = torch.from_numpy(np.concatenate(numbers))
    train, validation = (
        LabelledTokens(table, rows, lookback, joined[rows], data.form)
        for rows in (chosen.train, chosen.validation)
    )
    return train, validation, chosen.learned
