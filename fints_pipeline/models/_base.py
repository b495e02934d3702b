"""What every network's module offers, and how a torch network is saved and loaded."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Protocol, TypeVar, cast

from fints_pipeline.base.components import Component, available, load_component
from fints_pipeline.base.errors import LakeError

if TYPE_CHECKING:
    from torch import Tensor, nn

PACKAGE = "fints_pipeline.models"
CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"


Task = Literal[
    "forecast",
    "masked_patches",
    "masked_tokens",
    "classify_tokens",
    "tag_tokens",
    "fusion",
    "estimator",
]
"""What a network learns, and hence how training feeds it."""


class NetworkConfig(Component):
    """A network's settings; its name is the name of the module that defines it."""

    mixes_channels: ClassVar[bool] = False
    """Whether a channel's output depends on the others: then none may be left out."""
    samples_paths: ClassVar[bool] = False
    """Whether forecasts come from the network's ``sample``, as paths (S, B, H, C)."""


C = TypeVar("C", bound=NetworkConfig)


@dataclass(frozen=True)
class ExampleBatch:
    """A tiny config and one batch that the network built from it accepts.

    Attributes:
        config: settings small enough for a test.
        inputs: keyword arguments of ``forward``; dimension 0 is the batch.
        padding: values of one padded position by input name, for networks that take sequences of
            several lengths; empty for the others.
    """

    config: NetworkConfig
    inputs: dict[str, Tensor]
    padding: dict[str, int]


class NetworkModule(Protocol):
    """What a module under ``fints_pipeline.models`` holds."""

    TASK: Task

    def build(self, config: NetworkConfig) -> nn.Module:
        """Return the network with fresh weights, drawn from torch's global generator."""

    def example_batch(self) -> ExampleBatch:
        """Return a tiny config and a batch for it."""

    def save(self, network: nn.Module, config: NetworkConfig, folder: Path) -> None:
        """Write config.json and model.safetensors into ``folder``."""

    def load(self, folder: Path) -> nn.Module:
        """Return the network that `save` wrote, bit for bit, in evaluation mode."""


def network_names() -> list[str]:
    """Return the names of all networks, sorted."""
    return available(PACKAGE, NetworkConfig)


def network_module(name: str) -> NetworkModule:
    """Return the module of the network ``name``.

    Raises:
        ConfigError: there is no such network; the message lists those there are.
    """
    if name not in network_names():
        load_component(PACKAGE, NetworkConfig, {"name": name})
    return cast(NetworkModule, importlib.import_module(f"{PACKAGE}.{name}"))


def parameter_count(network: nn.Module) -> int:
    """Return the number of trainable scalars."""
    return sum(p.numel() for p in network.parameters() if p.requires_grad)


def write_config(config: NetworkConfig, folder: Path) -> None:
    """Write a config with its network's name as config.json."""
    content = {"name": config.name, **config.model_dump(mode="json")}
    text = json.dumps(content, indent=2, sort_keys=True) + "\n"
    (folder / CONFIG_FILE).write_text(text, encoding="utf-8")


def save_torch(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write a pure torch network as config.json and model.safetensors."""
    from safetensors.torch import save_file

    write_config(config, folder)
    tensors = {
        name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()
    }
    save_file(tensors, folder / WEIGHTS_FILE, metadata={"format": "pt"})


def read_config(folder: Path, kind: type[C]) -> C:
    """Return the config that `write_config` wrote.

    Raises:
        LakeError: the file is missing, not JSON, or belongs to another network.
        ConfigError: a value is not valid for this version of the network.
    """
    path = folder / CONFIG_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LakeError(f"the network's config cannot be read: {error}", where=str(path)) from None
    expected = kind.__module__.rpartition(".")[2]
    if not isinstance(content, Mapping) or content.get("name") != expected:
        raise LakeError(f"this folder does not hold a {expected} network", where=str(path))
    return cast(C, load_component(PACKAGE, NetworkConfig, content))


def load_torch(network: nn.Module, folder: Path) -> nn.Module:
    """Fill ``network`` with the weights that `save_torch` wrote, and set it to evaluation mode.

    Raises:
        LakeError: the weights are missing or of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS_FILE
    try:
        network.load_state_dict(load_file(path), strict=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise LakeError(f"the network's weights cannot be read: {error}", where=str(path)) from None
    return network.eval()
