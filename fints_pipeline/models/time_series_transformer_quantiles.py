"""Hugging Face's TimeSeriesTransformer with a direct head: all steps' quantiles at once.

The decoder reads what is known of the next steps, calendar and lags that reach back to the window,
and nothing is drawn or fed back. Source: encoder and decoder of
``transformers.TimeSeriesTransformerModel``; direct quantiles after Wen et al., A Multi-Horizon
Quantile Recurrent Forecaster (2017). Each channel is a series of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, cast

from fints_pipeline.models._base import (
    ExampleBatch,
    NetworkConfig,
    Task,
    load_torch,
    read_config,
    save_torch,
)
from fints_pipeline.models._heads import QuantileHead
from fints_pipeline.models._time_series_settings import TimeSeriesSettings

if TYPE_CHECKING:
    from torch import nn

TASK: Task = "forecast"


class TimeSeriesTransformerQuantilesConfig(TimeSeriesSettings, NetworkConfig):
    """Settings, beside those of encoder and decoder (`TimeSeriesSettings`).

    Attributes:
        head: the quantiles' levels.
    """

    head: QuantileHead = QuantileHead()


def build(config: NetworkConfig) -> nn.Module:
    """Return the network with fresh weights.

    It maps past (B, L, C), with past_time and future_time (B, L | H, K') and instrument (B,) where
    configured, to quantiles (B, H, C, Q).
    """
    from fints_pipeline.models._time_series_network import DirectTransformer

    return DirectTransformer(cast(TimeSeriesTransformerQuantilesConfig, config))


def example_batch() -> ExampleBatch:
    """Return a tiny config and four windows of two channels."""
    import torch

    config = TimeSeriesTransformerQuantilesConfig(
        lookback=10,
        horizon=3,
        lags=(1, 2, 4),
        width=8,
        feed_forward=8,
        layers=1,
        time_columns=2,
    )
    generator = torch.Generator().manual_seed(0)
    inputs = {
        "past": torch.randn(4, 10, 2, generator=generator),
        "past_time": torch.rand(4, 10, 2, generator=generator) - 0.5,
        "future_time": torch.rand(4, 3, 2, generator=generator) - 0.5,
    }
    return ExampleBatch(config, inputs, padding={})


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``."""
    save_torch(network, config, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, TimeSeriesTransformerQuantilesConfig)), folder)
