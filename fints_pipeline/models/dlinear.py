"""DLinear: a window's moving average and the rest of it, a linear map to the horizon each.

Source: Zeng, Chen, Zhang, Xu, Are Transformers Effective for Time Series Forecasting? (AAAI 2023),
and its reference code with weights shared by the channels. 336 → 96 has 64 704 parameters.
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
from fints_pipeline.models._heads import Head, PointHead

if TYPE_CHECKING:
    from torch import nn

TASK: Task = "forecast"


class DLinearConfig(NetworkConfig):
    """Settings of DLinear; lengths in steps (bars).

    Attributes:
        lookback: L, steps that the network sees.
        horizon: H, steps that it forecasts.
        kernel: odd number of steps in the centred moving average, within the window; its ends are
            padded by the first and the last step.
        head: what is said of each step; a value in the paper.
    """

    lookback: int = Field(336, ge=2)
    horizon: int = Field(96, ge=1)
    kernel: int = Field(25, ge=1)
    head: Head = PointHead()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kernel % 2 == 0:
            raise ValueError(f"kernel {self.kernel} is even; a centred average needs an odd one")
        return self


def build(config: NetworkConfig) -> nn.Module:
    """Return a DLinear with fresh weights; it maps past (B, L, C) to (B, H, C[, K])."""
    from fints_pipeline.models._dlinear_network import DLinear

    return DLinear(cast(DLinearConfig, config))


def example_batch() -> ExampleBatch:
    """Return a tiny config and four windows of three channels."""
    import torch

    past_BLC = torch.randn(4, 24, 3, generator=torch.Generator().manual_seed(0))
    return ExampleBatch(DLinearConfig(lookback=24, horizon=5, kernel=7), {"past": past_BLC}, {})


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``."""
    save_torch(network, config, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, DLinearConfig)), folder)
