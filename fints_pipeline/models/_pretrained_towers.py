"""Towers of a fusion network that come out of pretraining: their sizes and their weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from pydantic import ValidationError
from torch import nn

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.models._bert import load_hugging_face, saved_settings
from fints_pipeline.models._pretrained_patches import fill_patches, saved_patch_settings
from fints_pipeline.models.fusion import FusionConfig


def with_saved_sizes(config: FusionConfig, folders: Mapping[str, Path]) -> FusionConfig:
    """Return the config with the settings of the towers that lie in ``folders``.

    Raises:
        ConfigError: a tower does not fit the other settings, such as the look-back.
        LakeError: a folder does not hold such a tower.
    """
    content = config.model_dump()
    if "tokens" in folders:
        tokens = saved_settings(folders["tokens"])
        content |= {"tokens": tokens.model_dump(), "factorised": tokens.factorised}
    if "patches" in folders:
        content["patches"] = saved_patch_settings(folders["patches"]).model_dump()
    try:
        return FusionConfig.model_validate(content)
    except ValidationError as error:
        message = error.errors()[0]["msg"].removeprefix("Value error, ")
        raise ConfigError(
            f"a pretrained tower does not fit: {message}",
            where=", ".join(str(folder) for folder in folders.values()),
            fix="pretrain with the same lookback and form, or change the fusion network's",
        ) from None


def fill(network: nn.Module, config: FusionConfig, folders: Mapping[str, Path]) -> None:
    """Put the saved weights into the network's towers.

    Raises:
        LakeError: weights are missing or of another shape.
    """
    towers = cast(Any, network)
    if "tokens" in folders:
        from transformers import AutoModel

        saved = load_hugging_face(AutoModel, folders["tokens"], **config.hugging_face())
        wanted = towers.tokens.state_dict()
        own = {name: value for name, value in saved.state_dict().items() if name in wanted}
        towers.tokens.load_state_dict(own)
    if "patches" in folders:
        fill_patches(towers.patches, folders["patches"])
