"""The kernel's slow, obvious twin: one dictionary of positions, one loop, no arrays."""

import math
from dataclasses import dataclass

import numpy as np

from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.ledger import Account
from fints_pipeline.walkforward.market import Market


@dataclass
class Position:
    units: float = 0.0
    settled_at: float = 0.0
    profit: float = 0.0
    mark: float = 0.0
    fx: float = 1.0
    split: float | None = None


@dataclass
class Order:
    units: float
    decided: int


def twin(market: Market, fraction: np.ndarray, costs: CostModel, account: Account):
    """Return (equity by bar, list of fills as tuples)."""
    positions = [Position() for _ in market.symbols]
    orders: dict[int, Order] = {}
    equities, fills = [], []
    tick = costs.half_spread_ticks * (costs.tick_size or 0.0)
    for t in range(market.rows):
        for s, position in enumerate(positions):
            close = market.close[t, s]
            if not math.isnan(close):
                split = market.split_factor[t, s]
                if position.split is not None and split != position.split:
                    ratio = split / position.split
                    position.units *= ratio
                    position.settled_at /= ratio
                    if s in orders:
                        orders[s].units *= ratio
                position.split = split
            if s in orders and market.tradable[t, s]:
                order = orders.pop(s)
                change = order.units - position.units
                if change != 0:
                    price, fx = market.open[t, s], market.fx_open[t, s]
                    spread = abs(change) * (price * costs.half_spread_bps / 10_000 + tick) * fx
                    slippage = abs(change) * price * costs.slippage_bps / 10_000 * fx
                    fee = abs(change) * price * costs.fee_bps / 10_000 * fx
                    position.profit += position.units * (price - position.settled_at) * fx
                    position.profit -= spread + slippage + fee
                    position.units, position.settled_at = order.units, price
                    fills.append((s, order.decided, t, change, price, spread, slippage, fee))
            if not math.isnan(close):
                position.mark = close
                if not math.isnan(market.fx_close[t, s]):
                    position.fx = market.fx_close[t, s]
        equity = account.capital + sum(
            p.profit + p.units * (p.mark - p.settled_at) * p.fx for p in positions
        )
        equities.append(equity)
        for s, position in enumerate(positions):
            target, close = fraction[t, s], market.close[t, s]
            if math.isnan(target) or math.isnan(close) or math.isnan(market.fx_close[t, s]):
                continue
            base = equity if account.compound else account.capital
            value = close * market.fx_close[t, s]
            wanted = (0.0 if equity <= 0 else target) * base / value
            orders.pop(s, None)
            small = abs(wanted - position.units) * value < account.band * base
            if wanted != position.units and (wanted == 0 or not small):
                orders[s] = Order(wanted, t)
    return np.array(equities), fills
