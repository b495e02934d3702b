"""What trading and holding cost: spread, fee, slippage, impact, borrow and funding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from fints_pipeline.base.config import Config
from fints_pipeline.walkforward.asset_costs import DEFAULTS, AssetClass

BASIS_POINT = 1e-4


class CostModel(Config):
    """Costs per side, paid at every fill, and costs of holding, by calendar time.

    With `asset_class` the numbers that are not given are that class's
    (`walkforward.asset_costs`); without it they are 0.

    Attributes:
        asset_class: whose defaults to take.
        half_spread_bps: half the quoted spread, basis points of the price.
        half_spread_ticks: the same in ticks of `tick_size`, added to the basis points.
        tick_size: smallest price step, quote currency; needed with `half_spread_ticks`.
        fee_bps: commission, basis points of the notional.
        slippage_bps: distance between the open and one's own fill beyond the spread.
        slippage_volatility: λ: slippage of λ x the standard deviation of a bar's return over the
            last `bar_window` bars, added to `slippage_bps`.
        bar_window: bars that this deviation is estimated from.
        impact: Y of the square-root law: an order of Q units moves the price against itself by
            Y x σ_D x √(Q / V_D), σ_D and V_D being volatility and volume of a session, estimated
            from the last `impact_window` complete ones. Source: Tóth et al. (2011), Anomalous price
            impact and the critical nature of liquidity in financial markets.
        impact_window: complete sessions.
        adv: value traded in a session, quote currency, where the bars have no volume.
        borrow_rate: yearly, of the value of a short position.
        funding_long: yearly, of the value of a long position, paid; negative when it earns.
        funding_short: yearly, of the value of a short position, earned; negative when it pays.
        price_side: what the bars quote. From "bid" bars (HistData) the mid is bid plus half the
            configured spread; "mid" and "trade" prices are taken as they are.
    """

    asset_class: AssetClass | None = None
    half_spread_bps: float = Field(default=0.0, ge=0)
    half_spread_ticks: float = Field(default=0.0, ge=0)
    tick_size: float | None = Field(default=None, gt=0)
    fee_bps: float = Field(default=0.0, ge=0)
    slippage_bps: float = Field(default=0.0, ge=0)
    slippage_volatility: float = Field(default=0.0, ge=0)
    bar_window: int = Field(default=100, ge=2)
    impact: float = Field(default=0.0, ge=0)
    impact_window: int = Field(default=20, ge=1)
    adv: float | None = Field(default=None, gt=0)
    borrow_rate: float = Field(default=0.0, ge=0)
    funding_long: float = 0.0
    funding_short: float = 0.0
    price_side: Literal["mid", "trade", "bid"] = "trade"

    @model_validator(mode="before")
    @classmethod
    def _of_its_class(cls, given: Any) -> Any:
        name = given.get("asset_class") if isinstance(given, dict) else None
        if isinstance(name, str) and name in DEFAULTS:
            defaults = dict(DEFAULTS[name])
            if given.get("half_spread_ticks"):
                defaults.pop("half_spread_bps", None)  # the spread is given, in another unit
            return {**defaults, **given}
        return given

    @model_validator(mode="after")
    def _ticks_need_a_size(self) -> Self:
        if self.half_spread_ticks and self.tick_size is None:
            raise ValueError("half_spread_ticks needs tick_size, the price step in quote currency")
        return self

    def scaled(self, factor: float) -> CostModel:
        """The same costs times `factor`: 0 for gross, 2 for the stress.

        What a position earns by funding is not raised above its own amount.
        """
        receipts = min(factor, 1.0)
        plain = (
            "half_spread_bps", "half_spread_ticks", "fee_bps", "slippage_bps",
            "slippage_volatility", "impact", "borrow_rate",
        )  # fmt: skip
        update = {name: getattr(self, name) * factor for name in plain}
        long, short = self.funding_long, self.funding_short
        update["funding_long"] = long * (factor if long > 0 else receipts)
        update["funding_short"] = short * (factor if short < 0 else receipts)
        return self.model_copy(update=update)

    def mid(self, price: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mid prices from the bars' prices, any shape, quote currency."""
        if self.price_side != "bid":
            return price
        return price * (1 + self.half_spread_bps * BASIS_POINT) + self._half_spread_price

    def rates(self, symbols: int) -> CostRates:
        """The same costs for each of `symbols` columns, as the kernel takes them."""
        return CostRates.of([self] * symbols)

    @property
    def _half_spread_price(self) -> float:
        return self.half_spread_ticks * (self.tick_size or 0.0)


@dataclass(frozen=True)
class CostRates:
    """Costs by symbol, each (S,).

    Attributes:
        half_spread_rate: fraction of the price.
        half_spread_price: quote currency per unit, added to the rate.
        fee_rate: fraction of the notional.
        slippage_rate: fraction of the notional.
        borrow_rate: yearly fraction of the value of shorts.
        funding_long: yearly fraction of the value of longs, paid.
        funding_short: yearly fraction of the value of shorts, earned.
    """

    half_spread_rate: NDArray[np.float64]
    half_spread_price: NDArray[np.float64]
    fee_rate: NDArray[np.float64]
    slippage_rate: NDArray[np.float64]
    borrow_rate: NDArray[np.float64]
    funding_long: NDArray[np.float64]
    funding_short: NDArray[np.float64]

    @classmethod
    def of(cls, models: list[CostModel]) -> CostRates:
        """Costs of one model a symbol."""
        return cls(
            half_spread_rate=np.array([model.half_spread_bps * BASIS_POINT for model in models]),
            half_spread_price=np.array([model._half_spread_price for model in models]),
            fee_rate=np.array([model.fee_bps * BASIS_POINT for model in models]),
            slippage_rate=np.array([model.slippage_bps * BASIS_POINT for model in models]),
            borrow_rate=np.array([model.borrow_rate for model in models]),
            funding_long=np.array([model.funding_long for model in models]),
            funding_short=np.array([model.funding_short for model in models]),
        )


@dataclass(frozen=True)
class Liquidity:
    """What is known of the market's depth when a bar opens, each (T, S); None: not used.

    Row t is made of bars before t, but for `available` where the bar's own volume is the limit.

    Attributes:
        slippage: fraction of the notional, λ x σ of a bar.
        impact: fraction of the notional for each root of a unit, Y x σ_D / √V_D.
        available: units of which a bar's fill may take its participation; NaN: no limit.
    """

    slippage: NDArray[np.float64] | None = None
    impact: NDArray[np.float64] | None = None
    available: NDArray[np.float64] | None = None
