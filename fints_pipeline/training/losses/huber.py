"""Huber's loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from fints_pipeline.training.losses._base import ForecastLoss

if TYPE_CHECKING:
    from torch import Tensor


class Huber(ForecastLoss):
    """u²/2 up to `delta`, delta (|u| − delta/2) beyond it, u = y − ŷ in scaled units.

    Source: Huber, Robust Estimation of a Location Parameter (1964).
    """

    delta: float = Field(1.0, gt=0)

    def __call__(self, forecast: Tensor, actual_BHC: Tensor, scale_BC: Tensor) -> Tensor:
        """Return the loss (B, H, C) of each number."""
        from torch.nn.functional import huber_loss

        return huber_loss(forecast, actual_BHC, reduction="none", delta=self.delta)
