"""Seasonal-naive: each step repeats the last known one at the same place of the season.

Source: Hyndman, Athanasopoulos, Forecasting: Principles and Practice, 5.2.
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
from fints_pipeline.models._heads import PointHead

if TYPE_CHECKING:
    from torch import nn

TASK: Task = "forecast"


class SeasonalNaiveConfig(NetworkConfig):
    """Settings of seasonal-naive; levels and changes are forecast alike.

    Attributes:
        lookback: L, steps in a window, at least a season.
        horizon: H, steps to forecast.
        season: steps after which the pattern returns: 24 for hours of the day, a session's bars.
        head: a value a step.
    """

    lookback: int = Field(96, ge=1)
    horizon: int = Field(96, ge=1)
    season: int = Field(24, ge=1)
    head: PointHead = PointHead()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.season > self.lookback:
            raise ValueError(f"season {self.season} is longer than lookback {self.lookback}")
        return self


def build(config: NetworkConfig) -> nn.Module:
    """Return the forecaster; it maps past (B, L, C) to forecasts (B, H, C)."""
    from fints_pipeline.models._naive_networks import SeasonalNaive

    return SeasonalNaive(cast(SeasonalNaiveConfig, config))


def example_batch() -> ExampleBatch:
    """Return a tiny config and four windows of three channels."""
    import torch

    past_BLC = torch.randn(4, 24, 3, generator=torch.Generator().manual_seed(0))
    return ExampleBatch(
        SeasonalNaiveConfig(lookback=24, horizon=5, season=4), {"past": past_BLC}, {}
    )


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and an empty model.safetensors into ``folder``."""
    save_torch(network, config, folder)


def load(folder: Path) -> nn.Module:
    """Return the forecaster that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, SeasonalNaiveConfig)), folder)
