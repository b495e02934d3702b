"""Round trips: from the fill that opens a position to the one that closes or turns it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import pandas as pd

from fints_pipeline.walkforward.ledger import Fills
from fints_pipeline.walkforward.market import Market

COLUMNS = (
    "instrument", "side", "entry_time", "exit_time", "entry_price", "exit_price", "units",
    "gross", "cost", "net",
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


def round_trips(fills: Fills, market: Market) -> pd.DataFrame:
    """The closed trades of a ledger, in the order of their exits.

    Units and prices are split-adjusted, so that a trade reads the same through a split; additions
    average into the entry price, reductions realise their share. A fill that turns the position
    closes one trade and opens the next, its cost shared by the units.

    Returns:
        One row a trade with `COLUMNS`: side +1 or -1, largest absolute units, times in UTC, money
        in account currency. A position still open at the end is no trade yet.
    """
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
                trips.append(_row(trade, side, market, s, row, price))
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


def _row(
    trade: _Open, side: float, market: Market, s: int, row: int, price: float
) -> tuple[object, ...]:
    return (
        market.symbols[s], int(side), market.open_time[trade.row], market.open_time[row],
        trade.price, price, trade.size, trade.gross, trade.cost, trade.gross - trade.cost,
    )  # fmt: skip
