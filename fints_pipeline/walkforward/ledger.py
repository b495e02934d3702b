"""What goes into the kernel beside the market, and the books that come out of it."""

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.walkforward.market import Floats


class Reason(IntEnum):
    """Why an order was given."""

    SIGNAL = 0
    SESSION_END = 1


@dataclass(frozen=True)
class Targets:
    """What to hold.

    Attributes:
        fraction: (T, S) position value over equity, signed; NaN where nothing is decided.
        reason: (T, S) int8, a `Reason`.
    """

    fraction: Floats
    reason: NDArray[np.int8]

    @classmethod
    def of(cls, fraction: Floats) -> "Targets":
        """Targets that all come from the signal."""
        return cls(fraction, np.zeros(fraction.shape, np.int8))


@dataclass(frozen=True)
class Account:
    """How orders are sized.

    Attributes:
        capital: cash at the start, account currency.
        band: an order smaller than this fraction of the equity is not sent, unless it closes.
        compound: size with the current equity; otherwise always with `capital`.
    """

    capital: float
    band: float = 0.0
    compound: bool = True


@dataclass(frozen=True)
class Fills:
    """Every fill, in time order; all arrays (n,), money in account currency.

    Attributes:
        symbol: column of the market.
        decided: row at whose close the order was decided.
        filled: row at whose open it filled; always greater than `decided`.
        units: signed change of the position.
        price: raw mid price at the open, quote currency.
        fx: account currency per quote currency at the fill.
        spread: cost of crossing half the spread.
        slippage: cost of slippage.
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
    fee: Floats
    reason: NDArray[np.int8]

    def __len__(self) -> int:
        return len(self.units)

    @property
    def cost(self) -> Floats:
        """(n,) all costs of each fill, account currency."""
        return self.spread + self.slippage + self.fee

    @property
    def notional(self) -> Floats:
        """(n,) absolute value traded, account currency."""
        return np.abs(self.units) * self.price * self.fx


@dataclass(frozen=True)
class Ledger:
    """What came of it, in account currency.

    Attributes:
        equity: (T,) at each close.
        position_value: (T, S) units x close x exchange rate at each close.
        pnl: (T, S) cumulative profit of each symbol, costs taken off.
        units: (T, S) held at each close, signed.
        fills: every fill.
    """

    equity: Floats
    position_value: Floats
    pnl: Floats
    units: Floats
    fills: Fills

    @property
    def cash(self) -> Floats:
        """(T,) equity less the value of the positions; negative when they are borrowed for."""
        cash: Floats = self.equity - self.position_value.sum(axis=1)
        return cash
