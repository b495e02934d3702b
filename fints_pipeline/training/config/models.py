"""An experiment's models by name, each of the kind that its network asks for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Discriminator, Tag

from fints_pipeline.base.components import load_component
from fints_pipeline.base.errors import ConfigError, nearest
from fints_pipeline.models._base import PACKAGE, NetworkConfig
from fints_pipeline.training.config.kinds import (
    KINDS,
    AnyModel,
    ClassifyTokensModel,
    EstimatorModel,
    ForecastModel,
    FusionModel,
    MaskedPatchesModel,
    MaskedTokensModel,
    TagTokensModel,
)
from fints_pipeline.training.config.model import ModelConfig, task_of


def _kind_of(content: Any) -> str | None:
    if isinstance(content, ModelConfig):
        return f"<{content.kind}>"
    network = content.get("network") if isinstance(content, Mapping) else None
    task = task_of(network)
    return f"<{task}>" if task in KINDS else None


# A tag in angle brackets is left out of the key paths in error messages.
Model = Annotated[
    Annotated[ForecastModel, Tag("<forecast>")]
    | Annotated[MaskedPatchesModel, Tag("<masked_patches>")]
    | Annotated[MaskedTokensModel, Tag("<masked_tokens>")]
    | Annotated[ClassifyTokensModel, Tag("<classify_tokens>")]
    | Annotated[TagTokensModel, Tag("<tag_tokens>")]
    | Annotated[FusionModel, Tag("<fusion>")]
    | Annotated[EstimatorModel, Tag("<estimator>")],
    Discriminator(_kind_of),
]


def require_networks(content: Any) -> Any:
    """Return ``content`` unless an entry names no network there is.

    Raises:
        ValueError: it does not; the message says where and which there are.
    """
    if not isinstance(content, Mapping) or not content:
        raise ValueError("write at least one `<name>: {network: {name: …}, …}`")
    for name, model in content.items():
        if isinstance(model, ModelConfig):
            continue
        network = model.get("network") if isinstance(model, Mapping) else None
        if network is None:
            raise ValueError(f"{name}: give it a `network: {{name: …}}`")
        if task_of(network) is None and not isinstance(network, NetworkConfig):
            spec = network if isinstance(network, Mapping) else {"name": network}
            try:
                load_component(PACKAGE, NetworkConfig, spec)
            except ConfigError as error:
                raise ValueError(f"{name}.network: {error.what}") from None
    return content


def in_order(models: Mapping[str, AnyModel]) -> tuple[str, ...]:
    """Return the models' names, each after those that it starts from.

    Raises:
        ValueError: a model starts from one that is not there, or from itself by a detour.
    """
    order: list[str] = []

    def add(name: str, path: tuple[str, ...]) -> None:
        if name in order:
            return
        if name in path:
            raise ValueError(f"models start from each other: {' → '.join((*path, name))}")
        for parent in models[name].parents.values():
            if parent not in models:
                hint = nearest(parent, models)
                raise ValueError(f"{name}.starts_from: there is no model {parent!r}; {hint}")
            add(parent, (*path, name))
        order.append(name)

    for name in models:
        add(name, ())
    return tuple(order)
