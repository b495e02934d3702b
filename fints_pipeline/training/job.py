"""What a task is given to fit one of a fold's models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import torch
from pydantic import BaseModel
from torch import nn

from fints_pipeline.base.errors import ConfigError, nearest
from fints_pipeline.models._base import NetworkConfig, network_module
from fints_pipeline.training.augment import Augment
from fints_pipeline.training.batches import Samples
from fints_pipeline.training.bundles import Fitted, Pretrained
from fints_pipeline.training.checkpointing import CheckpointPlace
from fints_pipeline.training.config import ExperimentConfig, ModelConfig
from fints_pipeline.training.fit_task import FitTask, Score
from fints_pipeline.training.loop import FitReport, OnMetrics, fit_network
from fints_pipeline.training.objectives import Objective
from fints_pipeline.training.record import FitRecord, TrainingRecord, common_fields
from fints_pipeline.training.tokens import FoldVocabulary
from fints_pipeline.walkforward.folds import Fold


@dataclass(frozen=True)
class Job:
    """One model of one fold, to be fitted.

    Attributes:
        experiment: its config.
        fold: its spans.
        name: the model's.
        data: what the task's `load` returned for the training and validation spans.
        vocabulary: the fold's, for models that read tokens.
        parents: the published models that this one starts from, by tower.
        on_metrics: is given each epoch's metrics and the step.
        checkpoint: file that keeps the fit while it runs; None keeps none.
    """

    experiment: ExperimentConfig
    fold: Fold
    name: str
    data: Any
    vocabulary: FoldVocabulary | None = None
    parents: Mapping[str, Pretrained] | None = None
    on_metrics: OnMetrics | None = None
    checkpoint: Path | None = None

    @property
    def model(self) -> ModelConfig:
        """The model's config."""
        return self.experiment.model(self.name)

    def network(self, config: NetworkConfig) -> nn.Module:
        """Return the network with fresh weights, or those of the models that it starts from.

        Raises:
            ConfigError: the network cannot start from another.
        """
        module: Any = network_module(config.name)
        parents = self.parents or {}
        if not parents:
            return cast(nn.Module, module.build(config))
        if not hasattr(module, "build_from_pretrained"):
            raise ConfigError(
                f"the network {config.name!r} cannot start from another model's weights",
                where=f"models.{self.name}.starts_from",
                fix="leave starts_from out",
            )
        folders = {tower: parent.folder for tower, parent in parents.items()}
        start: object = folders.get("", folders)
        return cast(nn.Module, module.build_from_pretrained(config, start))

    def fit(
        self,
        network: nn.Module,
        objective: Objective,
        train: Samples,
        validation: Samples,
        *,
        augment: Augment | None = None,
        score: Score | None = None,
        fitted: Mapping[str, object] | None = None,
    ) -> tuple[FitTask, FitReport]:
        """Fit the network in place; call within `seeds.reproducible`.

        Args:
            network: what to fit.
            objective: its loss.
            train: samples to learn from.
            validation: samples of the early-stopping loss.
            augment: what is done to each training batch.
            score: what early stopping maximises in place of minimising the loss.
            fitted: what else was fitted on the training span, such as scalers, for checkpoints.
        """
        model = self.model
        task = FitTask(
            network,
            objective,
            train,
            validation,
            model.fit,
            self.experiment.seed,
            augment=augment,
            score=score,
            frozen=model.frozen,
        )
        hardware = self.experiment.hardware
        report = fit_network(
            task,
            name=self.name,
            hardware=hardware,
            on_metrics=self.on_metrics,
            place=self._place(fitted or {}),
        )
        return task, report

    def fitted(
        self,
        task: FitTask,
        report: FitReport,
        config: NetworkConfig,
        metrics: Mapping[str, float],
        **fields: object,
    ) -> Fitted:
        """Return the fitted network with its record.

        Args:
            task: what was fitted.
            report: how it went.
            config: the network's.
            metrics: scores on the validation span.
            **fields: of `TrainingRecord`, beside those that every model has.

        Raises:
            ConfigError: the config asks for a metric that the task does not compute.
        """
        return self.recorded(task.network, config, report.record(task), metrics, **fields)

    def recorded(
        self,
        network: Any,
        config: NetworkConfig,
        fit: FitRecord,
        metrics: Mapping[str, float],
        **fields: object,
    ) -> Fitted:
        """Return what was fitted, a network or an estimator, with its record; see `fitted`."""
        record = TrainingRecord.model_validate(
            {
                **common_fields(self.experiment, self.fold, self.name),
                "network": config,
                "inputs": self.inputs,
                "metrics": self._chosen(metrics),
                "fit": fit,
                **fields,
            }
        )
        return Fitted(network, config, record)

    @property
    def inputs(self) -> dict[str, str]:
        """Digests of every partition and bundle that the fit reads."""
        parents = (self.parents or {}).values()
        return {**self.data.inputs, **{str(parent.key): parent.digest for parent in parents}}

    def _place(self, fitted: Mapping[str, object]) -> CheckpointPlace | None:
        if self.checkpoint is None:
            return None
        contents = {
            "experiment": self.experiment.model_dump(mode="json", exclude={"description"}),
            "model": self.name,
            "fold": self.fold.to_json(),
            "inputs": self.inputs,
            "vocabulary": None if self.vocabulary is None else self.vocabulary.digest,
            "torch": str(torch.__version__),
            **{
                name: value.model_dump(mode="json") if isinstance(value, BaseModel) else value
                for name, value in fitted.items()
            },
        }
        return CheckpointPlace(self.checkpoint, contents)

    def _chosen(self, metrics: Mapping[str, float]) -> dict[str, float]:
        wanted = self.model.metrics
        if wanted is None:
            return dict(metrics)
        for name in wanted:
            if name not in metrics:
                raise ConfigError(
                    f"models.{self.name}.metrics: there is no score {name!r} of this model",
                    fix=nearest(name, metrics),
                )
        return {name: metrics[name] for name in wanted}


def filled_in(config: NetworkConfig, **facts: object) -> NetworkConfig:
    """Return a network's config with what only the data can say, where it asks and nothing is set.

    Args:
        config: as the experiment's file has it.
        **facts: by the name of the field, such as ``vocabulary_size`` or ``channels``.
    """
    fields = type(config).model_fields
    missing = {
        name: value
        for name, value in facts.items()
        if name in fields and getattr(config, name) is None
    }
    return type(config).model_validate({**config.model_dump(), **missing}) if missing else config


def batched(count: int, size: int) -> tuple[torch.Tensor, ...]:
    """Return positions 0 … count − 1 in batches; none where there are none."""
    return torch.split(torch.arange(count), size) if count else ()
