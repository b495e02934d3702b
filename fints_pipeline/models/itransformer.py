"""iTransformer: a token a channel, attention among the channels.

Source: Liu, Hu, Zhang, Wu, Wang, Ma, Long, iTransformer: Inverted Transformers Are Effective for
Time Series Forecasting (ICLR 2024), and its reference code. ETTh1 96 → 96 (d 256, feed-forward
256, 2 layers, 8 heads) has 841 568 parameters.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, Self, cast

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


class ITransformerConfig(NetworkConfig):
    """Settings of iTransformer; lengths in steps (bars).

    Attributes:
        lookback: L, steps that the network sees.
        horizon: H, steps that it forecasts.
        width: d, the encoder's width.
        heads: attention heads; they share the width.
        feed_forward: width of the encoder's feed-forward layers.
        layers: encoder layers.
        dropout: share of activations dropped after the embedding and in each layer.
        attention_dropout: share of attention weights dropped; equal to `dropout` in the paper.
        instance_norm: "standard" takes each window's mean and scale out and puts them back into
            the forecast, as in the paper; "scale" leaves the mean in, "none" both.
        head: what is said of each step; a value in the paper.
    """

    mixes_channels: ClassVar[bool] = True

    lookback: int = Field(96, ge=2)
    horizon: int = Field(96, ge=1)
    width: int = Field(256, ge=1)
    heads: int = Field(8, ge=1)
    feed_forward: int = Field(256, ge=1)
    layers: int = Field(2, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    attention_dropout: float = Field(0.1, ge=0, lt=1)
    instance_norm: Literal["standard", "scale", "none"] = "standard"
    head: Head = PointHead()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        require_unshifted(self.head, self.instance_norm)
        return self


def build(config: NetworkConfig) -> nn.Module:
    """Return an iTransformer with fresh weights.

    It maps past (B, L, C), and past_time (B, L, K') where given, to forecasts (B, H, C[, K]).
    """
    from fints_pipeline.models._itransformer_network import ITransformer

    return ITransformer(cast(ITransformerConfig, config))


def example_batch() -> ExampleBatch:
    """Return a tiny config and four windows of three channels and two calendar columns."""
    import torch

    config = ITransformerConfig(lookback=24, horizon=5, width=8, heads=2, feed_forward=16, layers=2)
    generator = torch.Generator().manual_seed(0)
    past_BLC = torch.randn(4, 24, 3, generator=generator)
    time_BLK = torch.rand(4, 24, 2, generator=generator) - 0.5
    return ExampleBatch(config, {"past": past_BLC, "past_time": time_BLK}, padding={})


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``."""
    save_torch(network, config, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, ITransformerConfig)), folder)
