"""What the models of every kind have in common."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Self, cast

from pydantic import model_validator

from fints_pipeline.base.components import ComponentOf
from fints_pipeline.base.config import Config
from fints_pipeline.models._base import PACKAGE, NetworkConfig
from fints_pipeline.training.config.fit import FitConfig

if TYPE_CHECKING:
    Network = NetworkConfig
else:
    Network = ComponentOf(PACKAGE, NetworkConfig)


class ModelConfig(Config):
    """A network, named by its file, and how it is fitted.

    Attributes:
        network: ``{name: <file under fints_pipeline/models>, …}``; the file's ``TASK`` says which
            kind of model this is.
        fit: see `FitConfig`.
        starts_from: another model of the experiment, whose fitted weights this one starts with;
            for a network of several towers a model each, by the tower's name.
        frozen: names of the network's submodules that keep their weights and stay in evaluation
            mode, such as a tower that was pretrained.
        metrics: which of the kind's validation scores to keep; None keeps all.
    """

    kind: ClassVar[str]
    """The networks' TASK that this kind is for."""
    reads_tokens: ClassVar[bool] = False
    """Whether samples are made of a fold's token ids."""
    predicts: ClassVar[bool] = True
    """Whether the model has a part in the predictions table."""

    network: Network
    fit: FitConfig = FitConfig()
    starts_from: str | dict[str, str] | None = None
    frozen: tuple[str, ...] = ()
    metrics: tuple[str, ...] | None = None

    @property
    def parents(self) -> dict[str, str]:
        """The models that this one starts from, by tower; "" where the network is one piece."""
        if self.starts_from is None:
            return {}
        return {"": self.starts_from} if isinstance(self.starts_from, str) else self.starts_from

    @model_validator(mode="after")
    def _stops_on_what_it_forecasts(self) -> Self:
        if self.fit.stop.on == "sharpe" and self.kind != "forecast":
            raise ValueError("fit.stop.on sharpe is for forecasters: leave it out")
        return self

    def data_columns(self) -> tuple[str, ...]:
        """Return the keys of `DataConfig`, beside instruments and frequency, that matter to it."""
        return ()


def task_of(network: object) -> str | None:
    """Return the TASK of a network given by its config, its name, or a mapping with its name.

    None where there is no such network; the network's own field then says what is wrong.
    """
    if isinstance(network, Mapping):
        network = network.get("name")
    if isinstance(network, NetworkConfig):
        network = network.name
    if not isinstance(network, str) or not network.isidentifier() or network.startswith("_"):
        return None
    try:
        module = importlib.import_module(f"{PACKAGE}.{network}")
    except ModuleNotFoundError as error:
        if error.name == f"{PACKAGE}.{network}":
            return None
        raise
    return cast("str | None", getattr(module, "TASK", None))
