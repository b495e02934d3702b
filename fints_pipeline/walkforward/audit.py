"""A second pair of books: what every ledger must satisfy, checked on the ledger itself."""

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.base.errors import LookAheadError, SchemaError
from fints_pipeline.walkforward.ledger import Ledger
from fints_pipeline.walkforward.market import Floats, Market

ROUNDING = 1e-7
"""Of the largest sum in the books: far above what rounding adds up to, far below a fill."""


def audit(ledger: Ledger, market: Market, capital: float) -> None:
    """Check that nothing was traded before it was decided, and that the books close.

    The equity is made again from the fills alone: units carried through splits, the profit between
    two fills settled at the rate of the second, costs and carry taken off, and what is open marked
    at the last close.

    Args:
        ledger: what a simulation left.
        market: what it traded on.
        capital: cash at the start.

    Raises:
        LookAheadError: a fill is not later than the close at which it was decided.
        SchemaError: a fill is on a bar without trade, or the equity is not what the fills make.
    """
    _after_their_decision(ledger, market)
    equity, scale = _equity(ledger, market, capital)
    wrong = np.flatnonzero(~(np.abs(equity - ledger.equity) <= ROUNDING * scale))
    if wrong.size:
        row = int(wrong[0])
        raise SchemaError(
            f"the equity is {ledger.equity[row]:.6f} at {market.close_time[row]}, its fills make"
            f" {equity[row]:.6f}",
            where="ledger",
            fix="do not change a ledger; simulate again",
        )


def _after_their_decision(ledger: Ledger, market: Market) -> None:
    fills = ledger.fills
    known, opened = market.close_time[fills.decided], market.open_time[fills.filled]
    early = np.flatnonzero((fills.filled <= fills.decided) | (opened < known))
    if early.size:
        n = int(early[0])
        raise LookAheadError(
            f"{early.size} fills are not later than their decision; the first, of"
            f" {market.symbols[fills.symbol[n]]}, in the bar from {opened[n]}, was decided at"
            f" {known[n]}",
            where="ledger",
            fix="fill at the open of a bar after the one that decided",
        )
    asleep = np.flatnonzero(~market.tradable[fills.filled, fills.symbol])
    if asleep.size:
        n = int(asleep[0])
        raise SchemaError(
            f"{asleep.size} fills are on bars without trade, the first of"
            f" {market.symbols[fills.symbol[n]]} at {opened[n]}",
            where="ledger",
            fix="let the order wait for the next real open",
        )


def _equity(ledger: Ledger, market: Market, capital: float) -> tuple[Floats, float]:
    """(T,) equity from the fills, and the largest sum of money that went into it."""
    equity = np.full(market.rows, capital)
    largest = capital
    rows = np.arange(market.rows)
    for s in range(len(market.symbols)):
        own = np.flatnonzero(ledger.fills.symbol == s)
        filled = ledger.fills.filled[own]
        factor, close, fx = (_carried(values) for values in _marks(market, s))
        # In shares of the first day, in which splits change nothing.
        price = ledger.fills.price[own] * factor[filled]
        held = np.cumsum(ledger.fills.units[own] / factor[filled])
        gain = held[:-1] * np.diff(price) * ledger.fills.fx[own][1:]
        settled = np.concatenate([[0.0], np.concatenate([[0.0], gain])[: len(own)]])
        paid = np.concatenate([[0.0], ledger.fills.cost[own]])
        last = np.searchsorted(filled, rows, side="right")
        units, basis = np.append(0.0, held)[last], np.append(0.0, price)[last]
        mark = np.where(last > 0, close * factor, 0.0)
        equity += np.cumsum(settled - paid)[last] + units * (mark - basis) * np.where(last, fx, 0.0)
        largest = max(largest, float(np.abs(units * mark * np.where(last, fx, 0.0)).max()))
    if ledger.carry is not None:
        carry = ledger.carry
        equity += np.cumsum((carry.dividend - carry.borrow - carry.funding).sum(axis=1))
    return equity, largest


def _marks(market: Market, s: int) -> tuple[Floats, Floats, Floats]:
    """Split factor, close and rate of one symbol, NaN where it has no bar."""
    present = np.isfinite(market.close[:, s])
    return (
        np.where(present, market.split_factor[:, s], np.nan),
        market.close[:, s],
        np.where(present, market.fx_close[:, s], np.nan),
    )


def _carried(values: Floats) -> Floats:
    """(T,) the last finite value; NaN before the first."""
    rows: NDArray[np.int64] = np.where(np.isfinite(values), np.arange(len(values)), -1)
    last = np.maximum.accumulate(rows)
    return np.where(last < 0, np.nan, values[np.maximum(last, 0)])
