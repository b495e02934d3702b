"""training.json: what a model learned from, beside its weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Literal, Self

import numpy as np
from pydantic import Field

from fints_pipeline.base.config import Config, parse_config
from fints_pipeline.base.errors import LakeError, LookAheadError
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.config.model import Network
from fints_pipeline.training.dataset import Stamps
from fints_pipeline.training.learned import Learned
from fints_pipeline.training.scalers import Scaler
from fints_pipeline.walkforward.folds import Fold

RECORD_FILE = "training.json"


class FitRecord(Config):
    """How the fit went: numbers that repeat exactly with the same seed, machine and threads.

    Attributes:
        samples: training samples.
        early_stopping_samples: samples of the early-stopping loss.
        parameters: trainable scalars of the network.
        steps: optimiser steps taken.
        best_epoch: the epoch whose weights were kept.
        stopped_by: "epochs", "patience", "max_seconds" or "nothing to fit".
        history: per epoch train and early-stopping loss and learning rate.
    """

    samples: int
    early_stopping_samples: int
    parameters: int
    steps: int
    best_epoch: int
    stopped_by: str
    history: tuple[dict[str, float], ...]


class TrainingRecord(Config):
    """What is needed to trust a model and to use it.

    Attributes:
        experiment: its name.
        experiment_fingerprint: names its config's values.
        model: its name in the experiment.
        network: its network's config, with what training filled in.
        fold: `Fold.to_json`: the spans that the model was trained and early-stopped on.
        inputs: digests of every partition and bundle that training read.
        frequency: of the bars.
        seed: of everything random.
        threads: torch's number of threads.
        torch_version: torch's version.
        metrics: scores on the validation span.
        fit: how the fit went.
        lookback: steps (bars or tokens) that the model sees.
        columns: feature columns, in the order of the channels; empty for token models.
        target: channel that gives the expected return.
        label_steps: steps after the current bar over which the label's return runs.
        scalers: per instrument, fitted on the training span.
        cumulative: whether forecasts are of the sums of the next returns.
        output: what the network says of a bar: a "return", a "position" in [−1, 1], probabilities
            of "classes", or "none" where it makes no predictions.
        label: column of the labels table that its classes are of, or its return.
        label_scale: what an estimator's returns are multiplied by to be log returns, and positions
            to be given as expected returns: the label's standard deviation.
        classes: the label's values in the order of the classes.
        class_names: what they are called.
        class_weights: of the classes in the loss.
        vocabulary_digest: of the fold's vocabulary.
        learned: the time that its samples cover, inputs and labels, by split and instrument.
    """

    experiment: str
    experiment_fingerprint: str
    model: str
    network: Network
    fold: str
    inputs: dict[str, str]
    frequency: str
    seed: int
    threads: int
    torch_version: str
    metrics: dict[str, float]
    fit: FitRecord
    lookback: int
    columns: tuple[str, ...] = ()
    target: str | None = None
    label_steps: int | None = None
    scalers: Mapping[str, Scaler] = Field(default_factory=dict)
    cumulative: bool = False
    output: Literal["return", "position", "classes", "none"] = "return"
    label: str | None = None
    label_scale: float = 1.0
    classes: tuple[float, ...] | None = None
    class_names: tuple[str, ...] | None = None
    class_weights: tuple[float, ...] | None = None
    vocabulary_digest: str | None = None
    learned: Learned = Field(default_factory=dict)

    @property
    def spans(self) -> Fold:
        """The fold that the model belongs to."""
        return Fold.from_json(self.fold)

    def write(self, folder: Path) -> None:
        """Write training.json into ``folder``."""
        text = json.dumps(self.model_dump(mode="json"), indent=1, sort_keys=True) + "\n"
        (folder / RECORD_FILE).write_text(text, encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Return what `write` wrote.

        Raises:
            LakeError: it is missing or not JSON.
            ConfigError: it was written by another version.
        """
        path = folder / RECORD_FILE
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise LakeError(
                f"the training record cannot be read: {error}", where=str(path)
            ) from None
        return parse_config(content, cls, where=str(path))

    def refuse_training_span(self, sessions: Stamps) -> None:
        """Refuse to predict bars of the model's own training span, or before it.

        A cross-validated model may predict older bars, but none of its training span.

        Raises:
            LookAheadError: a session is not after the training span's last one.
        """
        spans = self.spans
        last = spans.train.last
        seen = spans.train.mask(sessions)
        if spans.is_ordered:
            seen = sessions <= np.datetime64(last, "D")
        if seen.any():
            first: date = sessions[seen].min().astype(date)
            raise LookAheadError(
                f"{self.model} would predict bars that it was trained on, or older ones",
                where=f"session {first}; its training span ends {last} (fold {self.spans.key})",
                fix="predict sessions after the training span, or use an earlier fold's model",
            )


def common_fields(experiment: ExperimentConfig, fold: Fold, model: str) -> dict[str, object]:
    """Return the record's fields that every model shares."""
    import torch

    return {
        "experiment": experiment.experiment,
        "experiment_fingerprint": experiment.fingerprint,
        "model": model,
        "fold": fold.to_json(),
        "frequency": experiment.data.frequency,
        "seed": experiment.seed,
        "threads": experiment.hardware.threads,
        "torch_version": str(torch.__version__),
    }
