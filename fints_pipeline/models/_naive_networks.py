"""The naive forecasters; they have no parameters, so that there is nothing to train."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from fints_pipeline.models.drift import DriftConfig
from fints_pipeline.models.repeat_last import RepeatLastConfig
from fints_pipeline.models.seasonal_naive import SeasonalNaiveConfig


class RepeatLast(nn.Module):
    """The last level at every step; no change where channels hold changes."""

    def __init__(self, config: RepeatLastConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, past: Tensor) -> Tensor:
        """Map windows (B, L, C), oldest step first, to forecasts (B, H, C)."""
        last_B1C = past[:, -1:]
        if self.config.channel == "change":
            last_B1C = torch.zeros_like(last_B1C)
        return last_B1C.expand(-1, self.config.horizon, -1)


class Drift(nn.Module):
    """The window's mean change, again at every step."""

    def __init__(self, config: DriftConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, past: Tensor) -> Tensor:
        """Map windows (B, L, C), oldest step first, to forecasts (B, H, C)."""
        horizon = self.config.horizon
        if self.config.channel == "change":
            return past.mean(dim=1, keepdim=True).expand(-1, horizon, -1)
        slope_B1C = (past[:, -1:] - past[:, :1]) / (past.shape[1] - 1)
        steps_H1 = torch.arange(1, horizon + 1, dtype=past.dtype, device=past.device)[:, None]
        return past[:, -1:] + steps_H1 * slope_B1C


class SeasonalNaive(nn.Module):
    """The last season, over and over."""

    def __init__(self, config: SeasonalNaiveConfig) -> None:
        super().__init__()
        self.config = config

    def forward(self, past: Tensor) -> Tensor:
        """Map windows (B, L, C), oldest step first, to forecasts (B, H, C)."""
        season = self.config.season
        steps_H = torch.arange(self.config.horizon, device=past.device) % season
        return past[:, -season:].index_select(1, steps_H)
