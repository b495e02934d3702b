"""Absolute error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fints_pipeline.training.losses._base import ForecastLoss

if TYPE_CHECKING:
    from torch import Tensor


class AbsoluteError(ForecastLoss):
    """|y − ŷ|; its best forecast is the median."""

    def __call__(self, forecast: Tensor, actual_BHC: Tensor, scale_BC: Tensor) -> Tensor:
        """Return the loss (B, H, C) of each number."""
        return (forecast - actual_BHC).abs()
