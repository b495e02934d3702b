"""Tagging every bar of a sequence of tokens with its class; the last bar's is the prediction."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from fints_pipeline.base.lake import Lake
from fints_pipeline.training.bundles import Fitted, Loaded
from fints_pipeline.training.class_labels import Classes, class_weights, unweighted
from fints_pipeline.training.config import ExperimentConfig, ModelConfig, TagTokensModel
from fints_pipeline.training.dataset import FloatArray
from fints_pipeline.training.job import Job, batched
from fints_pipeline.training.masking import IGNORED
from fints_pipeline.training.objectives import TagObjective
from fints_pipeline.training.predicted import Predicted
from fints_pipeline.training.scope import Scope
from fints_pipeline.training.scoring import class_metrics
from fints_pipeline.training.seeds import generator, reproducible
from fints_pipeline.training.tasks.classify_tokens import (
    SCORING_BATCH,
    labelled_splits,
    predict_classes,
)
from fints_pipeline.training.token_labels import (
    classes_in_training,
    label_column,
    load_labelled,
    token_settings,
)
from fints_pipeline.training.token_samples import LabelledTokens, TaggedTokens
from fints_pipeline.training.tokens import FoldVocabulary, TokenData
from fints_pipeline.training.windows import WindowTable
from fints_pipeline.walkforward.folds import Fold, Span, fold_masks

_LAST_BAR = -2  # `<sep>` comes after it


def load(
    lake: Lake,
    experiment: ExperimentConfig,
    model: ModelConfig,
    vocabulary: FoldVocabulary | None,
    span: Span,
) -> TokenData:
    """Return tokens, the label of the tags, and the return that predictions are scored by."""
    return load_labelled(lake, experiment, cast(TagTokensModel, model), vocabulary, span)


def fit(job: Job) -> Fitted:
    """Fit a tagger, usually from a pretrained encoder.

    A sample is the last L tokens up to bar t and the label of each of them. Every bar is purged on
    its own: a label that reaches into a later span, or stands in an earlier one, is not learned
    from, whichever sequence it appears in. Early stopping is on the validation span.

    Validation scores are those of the last bar alone, as it would be predicted: its filtered
    marginal, given the sequence that ends there.

    Raises:
        ConfigError: a span holds no labelled sequence.
    """
    model, experiment, data = cast(TagTokensModel, job.model), job.experiment, job.data
    column = label_column(experiment, model)
    classes = classes_in_training(experiment, model, job.fold, data)
    settings = token_settings(job, model, classes)
    *last, learned = labelled_splits(model, job.fold, data, column, classes, settings)
    tags = _tags(job.fold, data, column, classes)
    train, validation = (
        TaggedTokens(one.table, one.rows, one.length, of_span, one.form)
        for one, of_span in zip(last, tags, strict=True)
    )
    known = train.classes.values[train.classes.values != IGNORED]
    weights = class_weights(known, len(classes), model.class_weights)
    with reproducible(experiment.seed, experiment.hardware.threads):
        task, report = job.fit(
            job.network(settings.config), TagObjective(model.loss, weights), train, validation
        )
        p_NK = unweighted(last_bar_probabilities(task.network, last[1]), weights.tolist())
    return job.fitted(
        task,
        report,
        settings.config,
        class_metrics(p_NK, last[0].classes.numpy(), last[1].classes.numpy()),
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
def last_bar_probabilities(network: nn.Module, samples: LabelledTokens) -> FloatArray:
    """Return p(class of the last bar | the sequence up to it), (N, K)."""
    network.eval()
    parts = []
    for positions in batched(len(samples), SCORING_BATCH):
        ids = samples.batch(positions, generator(0))["input_ids"]
        parts.append(cast(Any, network).filtered(ids)[:, _LAST_BAR])
    if not parts:
        return np.empty((0, 1))
    p_NK: FloatArray = torch.cat(parts).double().softmax(-1).numpy()
    return p_NK


def predict(model: Loaded, data: TokenData, scope: Scope) -> Sequence[Predicted]:
    """Return the probabilities of the classes for every bar with a whole sequence.

    Raises:
        LookAheadError: a bar to classify lies in the span that the model was trained on.
    """
    return predict_classes(model, data, scope, last_bar_probabilities)


def _tags(
    fold: Fold, data: TokenData, column: str, classes: Classes
) -> tuple[WindowTable, WindowTable]:
    """Return the classes of the training and of the validation span, `IGNORED` elsewhere."""
    train, validation = [], []
    for one in data.series:
        label = one.labels[column]
        number = np.where(np.isfinite(label.value), classes.number(label.value), IGNORED)
        masks = fold_masks(fold, one.session, one.open_time, one.close_time, label.end)
        train.append(np.where(masks.train, number, IGNORED))
        validation.append(np.where(masks.validation, number, IGNORED))
    return WindowTable(train), WindowTable(validation)
