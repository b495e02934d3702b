"""What a fill costs: half the spread, the fee and the slippage, each side of a trade."""

from dataclasses import dataclass
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from fints_pipeline.base.config import Config

BASIS_POINT = 1e-4


class CostModel(Config):
    """Costs per side, paid at every fill.

    Attributes:
        half_spread_bps: half the quoted spread, basis points of the price.
        half_spread_ticks: the same in ticks of `tick_size`, added to the basis points.
        tick_size: smallest price step, quote currency; needed with `half_spread_ticks`.
        fee_bps: commission, basis points of the notional.
        slippage_bps: distance between the open and one's own fill beyond the spread.
        price_side: what the bars quote. From "bid" bars (HistData) the mid is bid plus half the
            configured spread; "mid" and "trade" prices are taken as they are.
    """

    half_spread_bps: float = Field(default=0.0, ge=0)
    half_spread_ticks: float = Field(default=0.0, ge=0)
    tick_size: float | None = Field(default=None, gt=0)
    fee_bps: float = Field(default=0.0, ge=0)
    slippage_bps: float = Field(default=0.0, ge=0)
    price_side: Literal["mid", "trade", "bid"] = "trade"

    @model_validator(mode="after")
    def _ticks_need_a_size(self) -> Self:
        if self.half_spread_ticks and self.tick_size is None:
            raise ValueError("half_spread_ticks needs tick_size, the price step in quote currency")
        return self

    def scaled(self, factor: float) -> "CostModel":
        """The same costs times `factor`: 0 for gross, 2 for the stress."""
        return self.model_copy(
            update={
                "half_spread_bps": self.half_spread_bps * factor,
                "half_spread_ticks": self.half_spread_ticks * factor,
                "fee_bps": self.fee_bps * factor,
                "slippage_bps": self.slippage_bps * factor,
            }
        )

    def mid(self, price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mid prices from the bars' prices, any shape, quote currency."""
        if self.price_side != "bid":
            return price
        return price * (1 + self.half_spread_bps * BASIS_POINT) + self._half_spread_price

    def rates(self, symbols: int) -> "CostRates":
        """The same costs for each of `symbols` columns, as the kernel takes them."""

        def column(value: float) -> NDArray[np.float64]:
            return np.full(symbols, value)

        return CostRates(
            half_spread_rate=column(self.half_spread_bps * BASIS_POINT),
            half_spread_price=column(self._half_spread_price),
            fee_rate=column(self.fee_bps * BASIS_POINT),
            slippage_rate=column(self.slippage_bps * BASIS_POINT),
        )

    @property
    def _half_spread_price(self) -> float:
        return self.half_spread_ticks * (self.tick_size or 0.0)


@dataclass(frozen=True)
class CostRates:
    """Costs per side by symbol, each (S,).

    Attributes:
        half_spread_rate: fraction of the price.
        half_spread_price: quote currency per unit, added to the rate.
        fee_rate: fraction of the notional.
        slippage_rate: fraction of the notional.
    """

    half_spread_rate: NDArray[np.float64]
    half_spread_price: NDArray[np.float64]
    fee_rate: NDArray[np.float64]
    slippage_rate: NDArray[np.float64]
