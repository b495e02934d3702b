"""An encoder of patches out of a folder that a network built on one was saved to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from fints_pipeline.base.components import load_component
from fints_pipeline.base.errors import ConfigError, LakeError
from fints_pipeline.models._base import CONFIG_FILE, PACKAGE, WEIGHTS_FILE, NetworkConfig
from fints_pipeline.models._patches import PatchSettings

if TYPE_CHECKING:
    from torch import nn


def saved_patch_settings(folder: Path) -> PatchSettings:
    """Return the settings of the encoder of patches that lies in ``folder``.

    Raises:
        LakeError: the folder holds no network with such an encoder.
    """
    path = folder / CONFIG_FILE
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        saved = load_component(PACKAGE, NetworkConfig, content)
    except (OSError, ValueError, ConfigError) as error:
        raise LakeError(f"no network can be read: {error}", where=str(path)) from None
    if not isinstance(saved, PatchSettings):
        raise LakeError(f"{saved.name} has no encoder of patches", where=str(path))
    names = PatchSettings.model_fields
    return PatchSettings(**{name: getattr(saved, name) for name in names})


def fill_patches(tower: nn.Module, folder: Path) -> None:
    """Put the encoder's saved weights into ``tower``; what else was saved is left out.

    Raises:
        LakeError: weights are missing or of another shape.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    path = folder / WEIGHTS_FILE
    wanted = tower.state_dict()
    try:
        saved = load_file(path)
        tower.load_state_dict({name: saved[name] for name in wanted})
    except (OSError, SafetensorError, RuntimeError, KeyError) as error:
        raise LakeError(f"the tower's weights cannot be read: {error}", where=str(path)) from None
