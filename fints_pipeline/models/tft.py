"""Temporal Fusion Transformer: quantiles of the target, with weights that tell what was looked at.

Source: Lim, Arik, Loeff, Pfister, Temporal Fusion Transformers for Interpretable Multi-horizon Time
Series Forecasting (2021). Observed inputs are the channels; known inputs the calendar columns and
the step's distance from now; the static one is the instrument, where there are several. With the
defaults, three channels, six calendar columns and two instruments it has 158 948 parameters.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Self, cast

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
from fints_pipeline.models._heads import Head, QuantileHead

if TYPE_CHECKING:
    from torch import nn

TASK: Task = "forecast"


class TftConfig(NetworkConfig):
    """Settings of the TFT; lengths in steps (bars).

    Attributes:
        lookback: L, steps that the network sees.
        horizon: H, steps that it forecasts.
        width: d, of every part.
        heads: attention heads; they share the width, and one set of values.
        lstm_layers: of the encoder, and as many of the decoder.
        dropout: share of activations and attention weights dropped.
        head: what is said of each step; quantiles in the paper.
        channels: C, observed inputs; training fills it in.
        target: place of the forecast channel among them; training fills it in.
        time_columns: K', calendar columns a step; training fills it in.
        instruments: number of instruments; training fills it in.
    """

    mixes_channels: ClassVar[bool] = True

    lookback: int = Field(96, ge=1)
    horizon: int = Field(24, ge=1)
    width: int = Field(32, ge=1)
    heads: int = Field(4, ge=1)
    lstm_layers: int = Field(1, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    head: Head = QuantileHead()
    channels: int | None = Field(None, ge=1)
    target: int | None = Field(None, ge=0)
    time_columns: int | None = Field(None, ge=0)
    instruments: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.channels is not None and (self.target or 0) >= self.channels:
            raise ValueError(f"target {self.target} is not one of {self.channels} channels")
        return self


def build(config: NetworkConfig) -> nn.Module:
    """Return a TFT with fresh weights.

    It maps past (B, L, C), with past_time and future_time (B, L | H, K') and instrument (B,) where
    configured, to the target's forecast (B, H, 1, K), or (B, H, 1) from a point head. Its
    ``explain`` returns the weights of inputs and steps beside the forecast.

    Raises:
        ConfigError: the number of channels is not known.
    """
    from fints_pipeline.models._tft_network import TFT

    settings = cast(TftConfig, config)
    if settings.channels is None:
        raise ConfigError(
            "the TFT's number of channels is not set",
            fix="set `channels`; training takes it from the experiment's features",
        )
    return TFT(settings)


def example_batch() -> ExampleBatch:
    """Return a tiny config and four windows of three channels."""
    return _example({"time_columns": 2, "instruments": 3})


def more_examples() -> list[ExampleBatch]:
    """Return one without calendar and instruments, of which the channels are the only inputs."""
    return [_example({})]


def _example(inputs_there_are: dict[str, int]) -> ExampleBatch:
    import torch

    config = TftConfig(
        lookback=8, horizon=3, width=8, heads=2, channels=3, target=1, **inputs_there_are
    )
    generator = torch.Generator().manual_seed(0)
    inputs = {"past": torch.randn(4, 8, 3, generator=generator)}
    if inputs_there_are:
        inputs["past_time"] = torch.rand(4, 8, 2, generator=generator) - 0.5
        inputs["future_time"] = torch.rand(4, 3, 2, generator=generator) - 0.5
        inputs["instrument"] = torch.tensor([0, 2, 1, 0])
    return ExampleBatch(config, inputs, padding={})


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``."""
    save_torch(network, config, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, TftConfig)), folder)
