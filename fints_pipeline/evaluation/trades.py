"""Round trips: from the fill that opens a position to the one that closes or turns it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from fints_pipeline.walkforward.ledger import Ledger, Reason
from fints_pipeline.walkforward.market import Floats, Market

COLUMNS = (
    "instrument", "side", "entry_time", "exit_time", "entry_price", "exit_price", "units",
    "gross", "cost", "carry", "net", "exit_reason",
)  # fmt: skip
# Of a position; what is left below it is rounding, not a holding.
FLAT = 1e-9


@dataclass
class _Open:
    units: float
    price: float
    row: int
    cost: float
    gross: float = 0.0
    size: float = 0.0


def round_trips(ledger: Ledger, market: Market) -> pd.DataFrame:
    """The closed trades of a ledger, in the order of their exits.

    Units and prices are split-adjusted, so that a trade reads the same through a split; additions
    average into the entry price, reductions realise their share. A fill that turns the position
    closes one trade and opens the next, its cost shared by the units.

    Returns:
        One row a trade with `COLUMNS`: side +1 or -1, largest absolute units, times in UTC (opens
        of the bars), money in account currency; `carry` is dividends less borrow and funding while
        it was open, `net` is gross - cost + carry, `exit_reason` why it was closed. A position
        still open at the end is no trade yet.
    """
    fills = ledger.fills
    earned = _earned(ledger)
    trips: list[tuple[object, ...]] = []
    held: dict[int, _Open] = {}
    for n in range(len(fills)):
        s, row = int(fills.symbol[n]), int(fills.filled[n])
        factor = market.split_factor[row, s]
        change, price = fills.units[n] / factor, fills.price[n] * factor
        cost_each = fills.cost[n] / abs(change)
        trade = held.get(s)
        if trade is not None and trade.units * change < 0:
            closed = min(abs(change), abs(trade.units))
            side = math.copysign(1.0, trade.units)
            trade.gross += side * closed * (price - trade.price) * fills.fx[n]
            trade.cost += cost_each * closed
            trade.units -= side * closed
            change += side * closed
            if abs(trade.units) <= FLAT * trade.size:
                carry = 0.0 if earned is None else float(earned[row, s] - earned[trade.row, s])
                reason = Reason(fills.reason[n]).name.lower()
                trips.append(_row(trade, side, market, s, row, price, carry, reason))
                del held[s]
                trade = None
        if abs(change) <= FLAT * abs(fills.units[n] / factor):
            continue
        if trade is None:
            held[s] = _Open(change, price, row, cost_each * abs(change), size=abs(change))
        else:
            trade.price = (trade.price * trade.units + price * change) / (trade.units + change)
            trade.units += change
            trade.cost += cost_each * abs(change)
            trade.size = max(trade.size, abs(trade.units))
    return pd.DataFrame(trips, columns=list(COLUMNS))


def _earned(ledger: Ledger) -> Floats | None:
    """(T, S) dividends less borrow and funding so far; None where there was none.

    A row's carry is settled before its fills, so it belongs to the trade that was open before them.
    """
    if ledger.carry is None:
        return None
    carry = ledger.carry
    return np.asarray(np.cumsum(carry.dividend - carry.borrow - carry.funding, axis=0))


def _row(
    trade: _Open, side: float, market: Market, s: int, row: int, price: float, carry: float,
    reason: str,
) -> tuple[object, ...]:  # fmt: skip
    return (
        market.symbols[s], int(side), market.open_time[trade.row], market.open_time[row],
        trade.price, price, trade.size, trade.gross, trade.cost, carry,
        trade.gross - trade.cost + carry, reason,
    )  # fmt: skip
