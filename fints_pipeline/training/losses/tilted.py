"""The tilted absolute loss of one quantile."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from fints_pipeline.training.losses._base import ForecastLoss

if TYPE_CHECKING:
    from torch import Tensor


class Tilted(ForecastLoss):
    """ρ_q(u) = max(q u, (q − 1) u), u = y − ŷ; its best forecast is the quantile `level`.

    The pinball loss of a point forecast. At level ½ it is half the absolute error.
    Source: Koenker and Bassett, Regression Quantiles (1978).
    """

    level: float = Field(0.5, gt=0, lt=1)

    def __call__(self, forecast: Tensor, actual_BHC: Tensor, scale_BC: Tensor) -> Tensor:
        """Return the loss (B, H, C) of each number."""
        import torch

        error = actual_BHC - forecast
        return torch.maximum(self.level * error, (self.level - 1) * error)
