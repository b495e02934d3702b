"""Squared error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fints_pipeline.training.losses._base import ForecastLoss

if TYPE_CHECKING:
    from torch import Tensor


class SquaredError(ForecastLoss):
    """(y − ŷ)²; its best forecast is the mean."""

    def __call__(self, forecast: Tensor, actual_BHC: Tensor, scale_BC: Tensor) -> Tensor:
        """Return the loss (B, H, C) of each number."""
        return (forecast - actual_BHC).square()
