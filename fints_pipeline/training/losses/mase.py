"""The mean absolute scaled error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from fints_pipeline.training.losses._base import ForecastLoss

if TYPE_CHECKING:
    from torch import Tensor


class Mase(ForecastLoss):
    """|y − ŷ| over the training span's mean |x_t − x_{t−m}| of the same instrument and channel.

    Below 1 a forecast is better than the naive one was in the training span. Instruments and
    channels of any scale count alike.
    Source: Hyndman and Koehler, Another look at measures of forecast accuracy (2006).

    Attributes:
        seasonality: m, steps back of the naive forecast; 1 for prices.
    """

    seasonality: int = Field(1, ge=1)

    @property
    def naive_lag(self) -> int:
        """Return m."""
        return self.seasonality

    def __call__(self, forecast: Tensor, actual_BHC: Tensor, scale_BC: Tensor) -> Tensor:
        """Return the loss (B, H, C) of each number."""
        return (forecast - actual_BHC).abs() / scale_BC.unsqueeze(1)
