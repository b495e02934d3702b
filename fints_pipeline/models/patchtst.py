"""PatchTST: patches of each channel through a shared transformer encoder.

Source: Nie, Nguyen, Sinthong, Kalagnanam, A Time Series is Worth 64 Words (ICLR 2023), and its
reference code (PatchTST_supervised). With ``residual_attention`` on, ETTh1 336 → 96 in patches of
16 by 8 (d 16, 4 heads, feed-forward 128, 3 layers) has the reference's 81 728 parameters.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, Self, cast

from pydantic import Field, model_validator

from fints_pipeline.models._base import (
    ExampleBatch,
    NetworkConfig,
    Task,
    load_torch,
    read_config,
    save_torch,
)
from fints_pipeline.models._heads import Head, PointHead, require_unshifted

if TYPE_CHECKING:
    from torch import nn


TASK: Task = "forecast"


class PatchTSTConfig(NetworkConfig):
    """Settings of PatchTST; lengths in steps (bars).

    Attributes:
        lookback: L, steps that the network sees.
        horizon: H, steps that it forecasts.
        patch: P, steps in a patch.
        stride: S, steps from patch to patch; the end is padded by S copies of the last step.
        width: d, the encoder's width.
        heads: attention heads; they share the width.
        feed_forward: width of the encoder's feed-forward layers.
        layers: encoder layers.
        dropout: share of activations dropped after the embedding and in each layer.
        head_dropout: share dropped before the forecast head.
        instance_norm: "standard" takes each window's mean and scale out and puts them back into
            the forecast (RevIN, as in the paper). "scale" does so for the scale alone: where the
            mean of past values says next to nothing of the next ones, as with returns, putting it
            back would add its sampling error to every forecast. "none" leaves windows as they are.
        affine: learn a scale and shift a channel within the instance normalisation.
        channels: C, needed for `affine` alone.
        residual_attention: add each layer's attention scores to the next one's, as the reference
            code does. Off, attention is torch's fused kernel.
        zero_head: start with the forecast head at zero, so that the first forecast is "no change
            from the instance's mean"; off in the paper.
        head: what is said of each step; a value in the paper.
    """

    lookback: int = Field(336, ge=2)
    horizon: int = Field(96, ge=1)
    patch: int = Field(16, ge=1)
    stride: int = Field(8, ge=1)
    width: int = Field(16, ge=1)
    heads: int = Field(4, ge=1)
    feed_forward: int = Field(128, ge=1)
    layers: int = Field(3, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    head_dropout: float = Field(0.0, ge=0, lt=1)
    instance_norm: Literal["standard", "scale", "none"] = "standard"
    affine: bool = False
    channels: int | None = Field(None, ge=1)
    residual_attention: bool = False
    zero_head: bool = False
    head: Head = PointHead()

    @property
    def patches(self) -> int:
        """N, patches in a window, the one that reaches into the end padding included."""
        return (self.lookback + self.stride - self.patch) // self.stride + 1

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.patch > self.lookback:
            raise ValueError(f"patch {self.patch} is longer than lookback {self.lookback}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.affine and (self.channels is None or self.instance_norm == "none"):
            raise ValueError("affine needs `channels` and an instance_norm other than none")
        require_unshifted(self.head, self.instance_norm)
        return self


def build(config: NetworkConfig) -> nn.Module:
    """Return a PatchTST with fresh weights; it maps past (B, L, C) to forecasts (B, H, C[, K])."""
    from fints_pipeline.models._patchtst_network import PatchTST

    return PatchTST(cast(PatchTSTConfig, config))


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
