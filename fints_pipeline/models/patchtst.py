"""PatchTST: patches of each channel through a shared transformer encoder.

Source: Nie, Nguyen, Sinthong, Kalagnanam, A Time Series is Worth 64 Words (ICLR 2023), and its
reference code (PatchTST_supervised). With ``residual_attention`` on, ETTh1 336 → 96 in patches of
16 by 8 (d 16, 4 heads, feed-forward 128, 3 layers) has the reference's 81 728 parameters.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from pydantic import Field, model_validator

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.models._base import (
    ExampleBatch,
    NetworkConfig,
    Task,
    load_torch,
    read_config,
    save_torch,
)
from fints_pipeline.models._heads import Head, PointHead, require_unshifted
from fints_pipeline.models._patches import PatchSettings

if TYPE_CHECKING:
    from torch import nn


TASK: Task = "forecast"


class PatchTSTConfig(PatchSettings, NetworkConfig):
    """Settings of PatchTST, beside those of its encoder (`PatchSettings`).

    Attributes:
        horizon: H, steps that it forecasts.
        head_dropout: share dropped before the forecast head.
        zero_head: start with the forecast head at zero, so that the first forecast is "no change
            from the instance's mean"; off in the paper.
        head: what is said of each step; a value in the paper.
    """

    horizon: int = Field(96, ge=1)
    head_dropout: float = Field(0.0, ge=0, lt=1)
    zero_head: bool = False
    head: Head = PointHead()

    @model_validator(mode="after")
    def _head_fits(self) -> Self:
        require_unshifted(self.head, self.instance_norm)
        return self


def build(config: NetworkConfig) -> nn.Module:
    """Return a PatchTST with fresh weights; it maps past (B, L, C) to forecasts (B, H, C[, K])."""
    from fints_pipeline.models._patchtst_network import PatchTST

    return PatchTST(cast(PatchTSTConfig, config))


def build_from_pretrained(config: NetworkConfig, folder: Path) -> nn.Module:
    """Return a PatchTST with the encoder in ``folder`` and a fresh head.

    Args:
        config: as for `build`; what the weights depend on has to be that of the saved encoder.
        folder: what `fints_pipeline.models.patchtst_pretraining.save` (or `save` here) wrote.

    Raises:
        ConfigError: the encoder is another one; the message says in what.
        LakeError: the folder holds no encoder of patches.
    """
    from fints_pipeline.models._patch_encoder import PatchEncoder
    from fints_pipeline.models._patchtst_network import PatchTST
    from fints_pipeline.models._pretrained_patches import fill_patches, saved_patch_settings

    settings = cast(PatchTSTConfig, config)
    saved = saved_patch_settings(folder)
    # Without an affine map the weights are the same for any number of channels.
    free = {"dropout"} if settings.affine else {"dropout", "channels"}
    for name in PatchSettings.model_fields:
        wanted, found = getattr(settings, name), getattr(saved, name)
        if wanted != found and name not in free:
            raise ConfigError(
                f"the pretrained encoder has {name} {found}, the network {wanted}",
                where=str(folder),
                fix=f"give both the same {name}",
            )
    encoder, network = PatchEncoder(settings), PatchTST(settings)
    fill_patches(encoder, folder)
    network.load_state_dict(encoder.state_dict(), strict=False)  # all but the head
    return network


def example_batch() -> ExampleBatch:
    """Return a tiny config and two windows of three channels."""
    import torch

    config = PatchTSTConfig(
        lookback=24, horizon=5, patch=8, stride=4, width=8, heads=2, feed_forward=16, layers=2
    )
    x_BLC = torch.randn(4, 24, 3, generator=torch.Generator().manual_seed(0))
    return ExampleBatch(config, {"past": x_BLC}, padding={})


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``."""
    save_torch(network, config, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, PatchTSTConfig)), folder)
