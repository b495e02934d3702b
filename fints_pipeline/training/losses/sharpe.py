"""The differentiable Sharpe surrogate: a forecast read as a position, and what it would earn."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import Field

from fints_pipeline.training.losses._base import ForecastLoss

if TYPE_CHECKING:
    from torch import Tensor

_TINY = 1e-16


class Sharpe(ForecastLoss):
    """Minus the Sharpe ratio a bar of R_t = Σᵢ xᵢ,ₜ₋₁ rᵢ,ₜ − c Σᵢ |xᵢ,ₜ − xᵢ,ₜ₋₁|.

    xᵢ,ₜ ∈ [−1, 1] is the hyperbolic tangent of the first step's forecast made at bar t, rᵢ,ₜ the
    return of bar t. Batches hold consecutive bars of all instruments in time order, and each starts
    with the positions of the bar before it (carried, without a gradient). They are what the network
    would hold there now, so that a fit needs no memory between batches.
    Source: Moody and Saffell, Learning to Trade via Direct Reinforcement (2001).

    Attributes:
        cost_bps: c, cost of changing a position by its whole size, basis points.
    """

    contiguous: ClassVar[bool] = True

    cost_bps: float = Field(1.0, ge=0)

    def __call__(self, forecast: Tensor, actual_BHC: Tensor, scale_BC: Tensor) -> Tensor:
        """Refuse: it is no mean over numbers; see `portfolio`."""
        raise TypeError("the Sharpe surrogate is computed over consecutive bars: use `portfolio`")

    def portfolio(
        self, position_TI: Tensor, return_TI: Tensor, carried_I: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the loss and the positions to carry into the next batch.

        Args:
            position_TI: decided at the close of T consecutive bars, of I instruments.
            return_TI: of the same bars, as fractions.
            carried_I: positions before the first.
        """
        import torch

        before_TI = torch.cat([carried_I.unsqueeze(0), position_TI[:-1]])
        cost = self.cost_bps * 1e-4
        earned_T = (before_TI * return_TI - cost * (position_TI - before_TI).abs()).sum(dim=1)
        spread = (earned_T.var(correction=0) + _TINY).sqrt()  # its slope at 0 would be infinite
        return -earned_T.mean() / spread, position_TI[-1].detach()
