"""The network of DLinear; settings and source are in `fints_pipeline.models.dlinear`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool1d

from fints_pipeline.models._heads import finish
from fints_pipeline.models._instance_norm import InstanceNorm
from fints_pipeline.models.dlinear import DLinearConfig


class DLinear(nn.Module):
    """Forecasts every channel alone, with weights that all channels share."""

    def __init__(self, config: DLinearConfig) -> None:
        super().__init__()
        self.config = config
        outputs = config.horizon * config.head.width
        self.trend = nn.Linear(config.lookback, outputs)
        self.rest = nn.Linear(config.lookback, outputs)
        self.units = InstanceNorm("none")

    def forward(self, past: Tensor) -> Tensor:
        """Map windows (B, L, C), oldest step first, to forecasts (B, H, C[, K])."""
        x_BLC, undo = self.units(past)
        x_BCL = x_BLC.transpose(1, 2)
        trend_BCL = self.moving_average(x_BCL)
        free_BCH = self.trend(trend_BCL) + self.rest(x_BCL - trend_BCL)
        free_BCHK = free_BCH.unflatten(-1, (self.config.horizon, -1))
        return finish(self.config.head, free_BCHK.transpose(1, 2), undo)

    def moving_average(self, x_BCL: Tensor) -> Tensor:
        """Return the centred average of each step, the ends padded by the first and last step."""
        reach = (self.config.kernel - 1) // 2
        first, last = x_BCL[..., :1], x_BCL[..., -1:]
        ends = [first.expand(-1, -1, reach), x_BCL, last.expand(-1, -1, reach)]
        return avg_pool1d(torch.cat(ends, dim=-1), self.config.kernel, stride=1)
