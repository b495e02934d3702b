"""Drift: the level goes on along the line from the window's first step to its last.

Source: Hyndman, Athanasopoulos, Forecasting: Principles and Practice, 5.2.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal, cast

from pydantic import Field

from fints_pipeline.models._base import (
    ExampleBatch,
    NetworkConfig,
    Task,
    load_torch,
    read_config,
    save_torch,
)
from fints_pipeline.models._heads import PointHead

if TYPE_CHECKING:
    from torch import nn

TASK: Task = "forecast"


class DriftConfig(NetworkConfig):
    """Settings of drift.

    Attributes:
        lookback: L, steps in a window.
        horizon: H, steps to forecast.
        channel: what a channel holds: "level", such as a price, or "change" from step to step,
            such as a log return, whose mean over the window is then the forecast of every step.
        head: a value a step.
    """

    lookback: int = Field(96, ge=2)
    horizon: int = Field(96, ge=1)
    channel: Literal["level", "change"] = "level"
    head: PointHead = PointHead()


def build(config: NetworkConfig) -> nn.Module:
    """Return the forecaster; it maps past (B, L, C) to forecasts (B, H, C)."""
    from fints_pipeline.models._naive_networks import Drift

    return Drift(cast(DriftConfig, config))


def example_batch() -> ExampleBatch:
    """Return a tiny config and four windows of three channels."""
    import torch

    past_BLC = torch.randn(4, 24, 3, generator=torch.Generator().manual_seed(0))
    return ExampleBatch(DriftConfig(lookback=24, horizon=5), {"past": past_BLC}, {})


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and an empty model.safetensors into ``folder``."""
    save_torch(network, config, folder)


def load(folder: Path) -> nn.Module:
    """Return the forecaster that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, DriftConfig)), folder)
