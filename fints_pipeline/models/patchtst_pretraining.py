"""Self-supervised PatchTST: hidden patches are filled in from the others.

Source: Nie, Nguyen, Sinthong, Kalagnanam, A Time Series is Worth 64 Words (ICLR 2023), section 3.2,
and its reference code (PatchTST_self_supervised): hidden patches are zeros after the instance
normalisation, and one linear layer that all patches share restores them. The encoder is that of
`fints_pipeline.models.patchtst`, which starts from these weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Self, cast

from pydantic import Field, model_validator

from fints_pipeline.models._base import (
    ExampleBatch,
    NetworkConfig,
    Task,
    load_torch,
    read_config,
    save_torch,
)
from fints_pipeline.models._patches import PatchSettings

if TYPE_CHECKING:
    from torch import nn

TASK: Task = "masked_patches"


class PatchTSTPretrainingConfig(PatchSettings, NetworkConfig):
    """Settings of masked-patch pretraining, beside those of its encoder (`PatchSettings`).

    Attributes:
        stride: S, at least the patch's length, so that no hidden step shows in another patch.
        head_dropout: share dropped before the layer that restores patches.
    """

    stride: int = Field(16, ge=1)
    head_dropout: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _nothing_shows_through(self) -> Self:
        if self.stride < self.patch:
            raise ValueError(
                f"patches of {self.patch} by {self.stride} overlap, so that a hidden one shows in "
                "its neighbours; raise stride"
            )
        return self


def build(config: NetworkConfig) -> nn.Module:
    """Return the network with fresh weights.

    It maps past (B, L, C) and masked (B, C, N), the patches to hide, to the restored and the actual
    patches, both (B, C, N, P) in units of the normalised window.
    """
    from fints_pipeline.models._patchtst_pretraining_network import PatchTSTPretraining

    return PatchTSTPretraining(cast(PatchTSTPretrainingConfig, config))


def example_batch() -> ExampleBatch:
    """Return a tiny config, four windows of three channels, and a patch in three to hide."""
    import torch

    config = PatchTSTPretrainingConfig(
        lookback=24, patch=4, stride=4, width=8, heads=2, feed_forward=16, layers=2
    )
    generator = torch.Generator().manual_seed(0)
    past_BLC = torch.randn(4, 24, 3, generator=generator)
    masked_BCN = torch.rand(4, 3, config.patches, generator=generator) < 1 / 3
    return ExampleBatch(config, {"past": past_BLC, "masked": masked_BCN}, padding={})


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``."""
    save_torch(network, config, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, PatchTSTPretrainingConfig)), folder)
