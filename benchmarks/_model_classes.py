"""How well the models that are not traded classify the test span's bars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from fints_pipeline import train
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.bundles import load_model
from fints_pipeline.training.class_labels import Classes
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.predict import predicts_returns
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.training.scope import Scope
from fints_pipeline.training.scoring import class_metrics
from fints_pipeline.training.tasks import task_module
from fints_pipeline.walkforward.folds import Fold, Span


def class_rows(
    lake: Lake,
    config: ExperimentConfig,
    folds: Sequence[Fold],
    records: Mapping[str, Sequence[TrainingRecord]],
) -> dict[str, dict[str, float]]:
    """Return each such model's scores over the test bars of all folds."""
    names = [
        name
        for name, (record, *_) in records.items()
        if record.output == "classes" and not predicts_returns(record)
    ]
    return {name: _scores(lake, config, folds, name) for name in names}


def _scores(
    lake: Lake, config: ExperimentConfig, folds: Sequence[Fold], name: str
) -> dict[str, float]:
    said, came, before = [], [], []
    model = config.model(name)
    for fold in folds:
        loaded = load_model(lake, config.experiment, fold.key, name)
        record = loaded.record
        vocabulary = train.open_vocabulary(lake, config, fold) if model.reads_tokens else None
        task = task_module(model.kind)
        span = Span(fold.extent.first, fold.test.last)
        data: Any = task.load(lake, config, model, vocabulary, span)
        assert record.classes is not None
        assert record.class_names is not None
        assert record.label is not None
        classes = Classes(record.classes, record.class_names)
        found = task.predict(loaded, data, Scope((fold.test,)))
        for series, predicted in zip(data.series, found, strict=True):
            number = classes.number(series.labels[record.label].value)
            known = number[predicted.rows] >= 0
            assert predicted.probabilities is not None
            said.append(predicted.probabilities[known])
            came.append(number[predicted.rows][known])
            own = number[fold.train.mask(series.session)]
            before.append(own[own >= 0])
    p_NK, actual, train_classes = np.concatenate(said), np.concatenate(came), np.concatenate(before)
    common = np.bincount(train_classes, minlength=p_NK.shape[1]).argmax()
    return {
        **class_metrics(p_NK, train_classes, actual),
        "base_rate": float((actual == common).mean()),
        "rows": float(len(actual)),
    }
