"""What goes into the kernel beside the market, and the books that come out of it."""

from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.walkforward.limits import Limits, Stops
from fints_pipeline.walkforward.market import Floats


class Reason(IntEnum):
    """Why an order was given.

    `LIMIT`: another symbol's decision took room from a position. `MARGIN_CALL` and `RUIN` close
    everything; after `RUIN` (no equity at a close) the account stays out for good.
    """

    SIGNAL = 0
    SESSION_END = 1
    LIMIT = 2
    STOP_LOSS = 3
    TAKE_PROFIT = 4
    TRAILING_STOP = 5
    MARGIN_CALL = 6
    RUIN = 7


@dataclass(frozen=True)
class Targets:
    """What to hold.

    Attributes:
        fraction: (T, S), or (T, S, K) with one matrix for each column: position value over equity,
            signed; NaN where nothing is decided.
        reason: (T, S) int8, a `Reason`.
    """

    fraction: Floats
    reason: NDArray[np.int8]

    @classmethod
    def of(cls, fraction: Floats) -> "Targets":
        """Targets that all come from the signal."""
        return cls(fraction, np.zeros(fraction.shape[:2], np.int8))


@dataclass(frozen=True)
class Account:
    """How orders are sized.

    Attributes:
        capital: cash at the start, account currency.
        band: an order smaller than this fraction of the equity is not sent, unless it closes.
        compound: size with the current equity; otherwise always with `capital`.
        limits: on what is held and on a bar's fill.
        stops: orders that protect a position.
    """

    capital: float
    band: float = 0.0
    compound: bool = True
    limits: Limits = field(default_factory=Limits)
    stops: Stops = field(default_factory=Stops)


@dataclass(frozen=True)
class Fills:
    """Every fill, in time order; all arrays (n,), money in account currency.

    Attributes:
        symbol: column of the market.
        decided: row at whose close the order was decided; of a stop or target, the decision that
            made the position.
        filled: row in whose bar it filled, at the open but for stops and targets; always greater
            than `decided`.
        units: signed change of the position.
        price: raw mid price of the fill, quote currency.
        fx: account currency per quote currency at the fill.
        spread: cost of crossing half the spread.
        slippage: cost of slippage, constant and by the bar's volatility.
        impact: cost of moving the price, by the order's size.
        fee: commission.
        reason: a `Reason`.
    """

    symbol: NDArray[np.int32]
    decided: NDArray[np.int32]
    filled: NDArray[np.int32]
    units: Floats
    price: Floats
    fx: Floats
    spread: Floats
    slippage: Floats
    impact: Floats
    fee: Floats
    reason: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.units)

    @property
    def cost(self) -> Floats:
        """(n,) all costs of each fill, account currency."""
        return self.spread + self.slippage + self.impact + self.fee

    @property
    def notional(self) -> Floats:
        """(n,) absolute value traded, account currency."""
        return np.abs(self.units) * self.price * self.fx


@dataclass(frozen=True)
class Carry:
    """What holding a position costs and pays at each row, (T, S), account currency.

    Attributes:
        borrow: paid for the shares that a short position has borrowed.
        funding: paid for holding; negative where the position earns it.
        dividend: received by longs, negative for shorts, at the ex-date.
    """

    borrow: Floats
    funding: Floats
    dividend: Floats


@dataclass(frozen=True)
class Ledger:
    """What came of it, in account currency.

    Attributes:
        equity: (T,) at each close.
        position_value: (T, S) units x close x exchange rate at each close.
        pnl: (T, S) cumulative profit of each symbol: price moves and dividends, all costs off.
        units: (T, S) held at each close, signed.
        fills: every fill.
        carry: costs and receipts of holding; None where nothing was charged or paid.
        ruined: whether the equity was gone at some close.
    """

    equity: Floats
    position_value: Floats
    pnl: Floats
    units: Floats
    fills: Fills
    carry: Carry | None = None
    ruined: bool = False

    @property
    def cash(self) -> Floats:
        """(T,) equity less the value of the positions; negative when they are borrowed for."""
        cash: Floats = self.equity - self.position_value.sum(axis=1)
        return cash

    def parts(self) -> dict[str, Floats]:
        """(S,) totals of each cost part by name, `dividend` as a receipt."""
        symbols = self.units.shape[1]
        fills = self.fills
        of_fills: dict[str, Floats] = {
            name: np.bincount(fills.symbol, getattr(fills, name), symbols).astype(float)
            for name in ("spread", "slippage", "impact", "fee")
        }
        carry = self.carry
        return of_fills | {
            name: np.zeros(symbols) if carry is None else getattr(carry, name).sum(axis=0)
            for name in ("borrow", "funding", "dividend")
        }
