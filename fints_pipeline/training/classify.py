"""Fine-tuning: the direction of the next bars from the last tokens."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.models.brooks_classifier import (
    DIRECTIONS,
    build_from_pretrained,
)
from fints_pipeline.training.bundles import Fitted, Pretrained
from fints_pipeline.training.config import ClassifierModel, ExperimentConfig, MlmModel
from fints_pipeline.training.dataset import BoolArray, FloatArray
from fints_pipeline.training.loop import FitTask, OnMetrics, fit_network
from fints_pipeline.training.objectives import ClassCrossEntropy
from fints_pipeline.training.record import TrainingRecord, common_fields
from fints_pipeline.training.samples import LabelledTokens
from fints_pipeline.training.scoring import class_scores, log_likelihood
from fints_pipeline.training.seeds import generator, reproducible
from fints_pipeline.training.tokens import FRAME, FoldVocabulary, TokenData, TokenLine, id_table
from fints_pipeline.training.windows import WindowTable, window_fits
from fints_pipeline.walkforward.folds import Fold, fold_masks

CLASSES = len(DIRECTIONS)
SCORING_BATCH = 512


def finetune(
    experiment: ExperimentConfig,
    fold: Fold,
    data: TokenData,
    vocabulary: FoldVocabulary,
    pretrained: Pretrained,
    on_metrics: OnMetrics | None = None,
) -> Fitted:
    """Fit the fold's direction classifier from its pretrained encoder.

    A sample is the last L tokens up to bar t and the direction label of t. Samples whose label
    reaches into a later span are purged; early stopping is on the validation span.

    Args:
        experiment: with `models.mlm` and `models.classifier` sections.
        fold: its spans.
        data: tokens and the direction label of the training and validation spans.
        vocabulary: that of the pretrained encoder.
        pretrained: the fold's pretrained model.
        on_metrics: is given each epoch's metrics and the step.

    Raises:
        ConfigError: a span holds no labelled sequence.
    """
    model, mlm = experiment.models.classifier, experiment.models.mlm
    if model is None or mlm is None:
        raise ConfigError("the experiment has no `models.classifier` section")
    lookback = _lookback(model, mlm)
    train, validation = _split(experiment, model, fold, data.lines, lookback)
    weights = _class_weights(train.classes, model.class_weights)
    encoder = mlm.network.model_copy(update={"vocabulary_size": len(vocabulary.encoder)})
    network = {"encoder": encoder, "classes": DIRECTIONS}
    config = model.network.model_copy(update=network)
    with reproducible(experiment.seed, experiment.threads):
        task = FitTask(
            build_from_pretrained(config, pretrained.folder),
            ClassCrossEntropy(weights),
            train,
            validation,
            model.fit,
            experiment.seed,
        )
        report = fit_network(
            task, name="classifier", accelerator=experiment.accelerator, on_metrics=on_metrics
        )
        p_NK = probabilities(task.network, validation, weights.numpy())
    record = TrainingRecord.model_validate(
        {
            **common_fields(experiment, fold, "classifier"),
            "inputs": {**data.inputs, str(pretrained.key): pretrained.digest},
            "metrics": _metrics(p_NK, train.classes.numpy(), validation.classes.numpy()),
            "fit": report.record(task),
            "lookback": lookback,
            "class_weights": tuple(weights.tolist()),
            "vocabulary_digest": vocabulary.digest,
        }
    )
    return Fitted(task.network, config, record)


@torch.no_grad()
def probabilities(
    network: nn.Module, samples: LabelledTokens, class_weights: FloatArray
) -> FloatArray:
    """Return (N, 3) probabilities of down, flat and up.

    A loss with class weights teaches the network probabilities as if classes came that much more
    often; dividing by the weights takes this back.
    Source: Elkan, The Foundations of Cost-Sensitive Learning (2001).
    """
    network.eval()
    parts = []
    for positions in torch.split(torch.arange(len(samples)), SCORING_BATCH):
        batch = samples.batch(positions, generator(0))
        logits = network(input_ids=batch["input_ids"]).logits
        parts.append(logits.double().softmax(-1).numpy())
    p_NK = np.concatenate(parts) if parts else np.empty((0, CLASSES))
    p_NK = p_NK / class_weights
    normal: FloatArray = p_NK / p_NK.sum(axis=1, keepdims=True)
    return normal


def _lookback(model: ClassifierModel, mlm: MlmModel) -> int:
    longest = mlm.network.max_length - FRAME
    lookback = model.lookback if model.lookback is not None else longest
    if lookback > longest:
        raise ConfigError(
            f"models.classifier.lookback {lookback} is longer than the encoder reads ({longest})",
            fix=f"lower it, or raise models.mlm.network.max_length to {lookback + FRAME}",
        )
    return lookback


def _split(
    experiment: ExperimentConfig,
    model: ClassifierModel,
    fold: Fold,
    lines: Sequence[TokenLine],
    lookback: int,
) -> tuple[LabelledTokens, LabelledTokens]:
    table = id_table(lines)
    chosen: dict[str, list[BoolArray]] = {"train": [], "validation": []}
    for line in lines:
        own = line.series
        label = own.labels[experiment.data.direction_label]
        masks = fold_masks(fold, own.session, own.open_time, own.close_time, label.end)
        usable = np.isfinite(label.value) & window_fits(np.ones(len(line.ids), bool), lookback)
        chosen["train"].append(masks.train & usable)
        chosen["validation"].append(masks.validation & usable)
    splits = {
        name: _labelled(experiment, table, lines, masks, lookback, model.fit.stride)
        for name, masks in chosen.items()
    }
    for name, split in splits.items():
        if not len(split):
            raise ConfigError(
                f"fold {fold.key} holds no labelled sequence of {lookback} tokens in {name}",
                fix="lower models.classifier.lookback or lengthen the spans",
            )
    return splits["train"], splits["validation"]


def _labelled(
    experiment: ExperimentConfig,
    table: WindowTable,
    lines: Sequence[TokenLine],
    masks: Sequence[BoolArray],
    lookback: int,
    stride: int,
) -> LabelledTokens:
    rows = [table.global_rows(i, mask, stride) for i, mask in enumerate(masks)]
    name = experiment.data.direction_label
    values = np.concatenate([line.series.labels[name].value for line in lines])
    joined = np.concatenate(rows).astype(np.int64)
    classes = torch.from_numpy(values[joined].astype(np.int64) + 1)
    return LabelledTokens(table, torch.from_numpy(joined), lookback, classes)


def _class_weights(classes: Tensor, weighted: bool) -> Tensor:
    """Return N / (K × count) a class, 1 where it does not occur or weights are off."""
    counts = torch.bincount(classes, minlength=CLASSES).double()
    inverse = counts.sum() / (CLASSES * counts.clamp(min=1))
    return torch.where(counts > 0, inverse, 1.0) if weighted else torch.ones(CLASSES).double()


def _metrics(
    p_NK: FloatArray, train: NDArray[np.int64], validation: NDArray[np.int64]
) -> dict[str, float]:
    prior = (np.bincount(train, minlength=CLASSES) + 1.0) / (len(train) + CLASSES)
    return {
        **class_scores(p_NK, validation),
        "prior_log_loss": log_likelihood(np.tile(prior, (len(validation), 1)), validation),
    }
