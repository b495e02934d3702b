"""Repeat-last: the level stays where it is (the random walk's forecast)."""

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


class RepeatLastConfig(NetworkConfig):
    """Settings of repeat-last.

    Attributes:
        lookback: L, steps in a window; the last one is used.
        horizon: H, steps to forecast.
        channel: what a channel holds: "level", such as a price, or "change" from step to step,
            such as a log return, of which zero says that the level stays. Zero is zero in scaled
            units where the target is scaled without being centred.
        head: a value a step.
    """

    lookback: int = Field(1, ge=1)
    horizon: int = Field(96, ge=1)
    channel: Literal["level", "change"] = "level"
    head: PointHead = PointHead()


def build(config: NetworkConfig) -> nn.Module:
    """Return the forecaster; it maps past (B, L, C) to forecasts (B, H, C)."""
    from fints_pipeline.models._naive_networks import RepeatLast

    return RepeatLast(cast(RepeatLastConfig, config))


def example_batch() -> ExampleBatch:
    """Return a tiny config and four windows of three channels."""
    import torch

    past_BLC = torch.randn(4, 24, 3, generator=torch.Generator().manual_seed(0))
    return ExampleBatch(RepeatLastConfig(lookback=24, horizon=5), {"past": past_BLC}, {})


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and an empty model.safetensors into ``folder``."""
    save_torch(network, config, folder)


def load(folder: Path) -> nn.Module:
    """Return the forecaster that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, RepeatLastConfig)), folder)
