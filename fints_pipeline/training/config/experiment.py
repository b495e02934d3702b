"""ExperimentConfig: one YAML file, one experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import BeforeValidator, Field, model_validator

from fints_pipeline.base.config import Config, fingerprint, load_config, named_like_its_file
from fints_pipeline.base.errors import ConfigError, nearest
from fints_pipeline.training.config.data import DataConfig
from fints_pipeline.training.config.hardware import HardwareConfig
from fints_pipeline.training.config.kinds import (
    AnyModel,
    ChannelModel,
    EstimatorModel,
    TargetModel,
)
from fints_pipeline.training.config.model import ModelConfig
from fints_pipeline.training.config.models import Model, in_order, require_networks
from fints_pipeline.walkforward.folds import AnyScheme, Fold

RESERVED = ("vocabulary", "predictions")


class ExperimentConfig(Config):
    """An experiment: data, folds and models; its name is its file's.

    Attributes:
        models: by name; the network's file says of which kind each is.
        seed: of weights, sample order, masking and dropout.
        hardware: what fits run on.
    """

    experiment: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    description: str = ""
    data: DataConfig
    folds: AnyScheme
    models: Annotated[
        dict[Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]+$")], Model],
        BeforeValidator(require_networks),
    ]
    seed: int = Field(0, ge=0)
    hardware: HardwareConfig = HardwareConfig()

    @model_validator(mode="after")
    def _models_fit_together(self) -> Self:
        in_order(self.models)
        for name, model in self.models.items():
            if name in RESERVED:
                raise ValueError(f"models.{name}: the name is taken, choose another")
            if isinstance(model, ChannelModel):
                self._require_channels(name, model)
            loss = getattr(model, "loss", None)
            if self.hardware.processes > 1 and getattr(loss, "name", None) == "sharpe":
                raise ValueError(
                    f"models.{name}.loss: sharpe is computed over consecutive bars, which "
                    "processes cannot share; set hardware.processes to 1"
                )
        return self

    def _require_channels(self, name: str, model: ChannelModel) -> None:
        wanted = model.channels if model.channels is not None else self.data.features
        for channel in wanted:
            if channel not in self.data.features:
                raise ValueError(
                    f"models.{name}.channels: {channel!r} is not in data.features; "
                    + nearest(channel, self.data.features)
                )
        if isinstance(model, TargetModel | EstimatorModel) and model.target not in wanted:
            raise ValueError(
                f"models.{name}.target {model.target!r} is not a channel; "
                + nearest(model.target, wanted)
            )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models in the order of training: each after those that it starts from."""
        return in_order(self.models)

    @property
    def pretrained(self) -> tuple[str, ...]:
        """Names of the models that others start from, in the order of training."""
        used = {parent for model in self.models.values() for parent in model.parents.values()}
        return tuple(name for name in self.names if name in used)

    @property
    def reads_tokens(self) -> bool:
        """Whether a fold needs a vocabulary."""
        return any(model.reads_tokens for model in self.models.values())

    def reads_fields(self, model: ModelConfig) -> bool:
        """Return whether a model's tokens are factorised, as its network or its encoder's is."""
        if getattr(model.network, "factorised", False):
            return True
        parents = (self.models[name] for name in model.parents.values())
        return any(self.reads_fields(parent) for parent in parents if parent.reads_tokens)

    def model(self, name: str) -> AnyModel:
        """Return the model ``name``.

        Raises:
            ConfigError: the experiment does not have it.
        """
        if name not in self.models:
            raise ConfigError(
                f"experiment {self.experiment!r} has no model {name!r}",
                fix="it has " + ", ".join(self.names),
            )
        return self.models[name]

    @property
    def fingerprint(self) -> str:
        """Names what is trained, on what; the description does not enter."""
        return fingerprint(self.model_dump(mode="json", exclude={"description"}))

    def model_fingerprint(self, stage: str, fold: Fold) -> str:
        """Name everything in the config that a stage's output for a fold depends on.

        Args:
            stage: "vocabulary", "predictions" or a model's name.
            fold: its spans.
        """
        names = self._lineage(stage)
        columns = {"instruments", "frequency"}
        columns |= {key for name in names for key in self.models[name].data_columns()}
        if stage == "predictions":
            columns.add("label")
        data = {name: getattr(self.data, name) for name in sorted(columns)}
        settings = {name: self.models[name].model_dump(mode="json") for name in sorted(names)}
        run = [self.experiment, self.seed, self.hardware, fold.to_json()]
        return fingerprint([data, settings, *run])

    def _lineage(self, stage: str) -> set[str]:
        """Return the models that a stage's output depends on."""
        if stage == "vocabulary":
            return set()
        if stage == "predictions":
            return set(self.models)
        found = {stage}
        for parent in self.model(stage).parents.values():
            found |= self._lineage(parent)
        return found


def load_experiment(path: Path | str) -> ExperimentConfig:
    """Load an experiment's YAML (or JSON) file.

    Raises:
        ConfigError: a key or value is wrong, or the experiment is not named like its file.
    """
    config = load_config(path, ExperimentConfig)
    named_like_its_file(config.experiment, path)
    return config
