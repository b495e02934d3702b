"""The kernel's slow, obvious twin: one account, one object a position, one loop, no arrays.

It computes with the same operations in the same order, so that its numbers are the kernel's, bit
for bit.
"""

import math
from dataclasses import dataclass, field

import numpy as np

from fints_pipeline.walkforward.columns import Columns
from fints_pipeline.walkforward.costs import CostRates, Liquidity
from fints_pipeline.walkforward.ledger import Account, Reason
from fints_pipeline.walkforward.market import Market

DAYS = np.timedelta64(365, "D")


@dataclass
class Order:
    units: float
    decided: int
    reason: int
    filled: float = 0.0


@dataclass
class Position:
    units: float = 0.0
    settled_at: float = 0.0
    profit: float = 0.0
    mark: float = 0.0
    fx: float = 1.0
    split: float = math.nan
    entry: float = 0.0
    best: float = 0.0
    placed: int = 0
    stopped_side: float = 0.0
    wanted: float = 0.0
    allowed: float = 0.0
    order: Order | None = None


@dataclass
class Twin:
    """One column of an account; `run` gives equity by bar, and fills and carry as tuples."""

    market: Market
    targets: np.ndarray
    reasons: np.ndarray
    costs: CostRates
    account: Account
    columns: Columns
    liquidity: Liquidity = field(default_factory=Liquidity)

    def run(self):
        assert len(self.columns) == 1
        self.rule = {name: float(values[0]) for name, values in vars(self.columns).items()}
        self.positions = [Position() for _ in self.market.symbols]
        self.fills, self.carry = [], []
        self.ruined = False
        equities = []
        for t in range(self.market.rows):
            equity = self.rule["capital"]
            for s, position in enumerate(self.positions):
                self.hold(t, s, position)
                self.act(t, s, position)
                if self.market.tradable[t, s]:
                    room = self.room(t, s)
                    room -= self.fill_at_open(t, s, position, room)
                    self.protect(t, s, position, room)
                if math.isfinite(self.market.close[t, s]):
                    position.mark = float(self.market.close[t, s])
                    if math.isfinite(self.market.fx_close[t, s]):
                        position.fx = float(self.market.fx_close[t, s])
                move = position.mark - position.settled_at
                equity += position.profit + position.units * move * position.fx
            equities.append(equity)
            if not self.liquidate(t, equity) and not self.ruined:
                self.decide(t, equity)
        return np.array(equities), self.fills, self.carry

    def hold(self, t: int, s: int, position: Position) -> None:
        """Borrow and funding since the last row's open, on the last value."""
        if t == 0 or position.units == 0:
            return
        years = (self.market.open_time[t] - self.market.open_time[t - 1]) / DAYS
        value = abs(position.units) * (position.mark * position.fx * years)
        factor = self.rule["cost_scale"]
        borrow = value * self.costs.borrow_rate[s] * factor if position.units < 0 else 0.0
        if position.units > 0:
            funding = value * self.costs.funding_long[s]
        else:
            funding = -value * self.costs.funding_short[s]
        funding *= factor if funding > 0 else min(factor, 1.0)
        position.profit -= borrow + funding
        if borrow or funding:
            self.carry.append((t, s, borrow, funding, 0.0))

    def act(self, t: int, s: int, position: Position) -> None:
        """Splits and dividends."""
        market = self.market
        if not math.isfinite(market.close[t, s]):
            return
        ratio = market.split_factor[t, s] / position.split
        position.split = market.split_factor[t, s]
        if math.isfinite(ratio) and ratio != 1:
            position.units *= ratio
            position.settled_at /= ratio
            position.entry /= ratio
            position.best /= ratio
            if position.order:
                position.order.units *= ratio
                position.order.filled *= ratio
        if market.dividend is not None and market.dividend[t, s] > 0:
            fx = market.fx_open[t, s]
            fx = fx if math.isfinite(fx) else position.fx
            received = position.units * (market.dividend[t, s] * fx)
            position.profit += received
            if received:
                self.carry.append((t, s, 0.0, 0.0, received))

    def room(self, t: int, s: int) -> float:
        available = self.liquidity.available
        if available is None or math.isinf(self.rule["participation"]):
            return math.inf
        room = self.rule["participation"] * available[t, s]
        return math.inf if math.isnan(room) else room

    def fill_at_open(self, t: int, s: int, position: Position, room: float) -> float:
        if position.order is None:
            return 0.0
        order, position.order = position.order, None
        return self.fill(t, s, position, order, float(self.market.open[t, s]), room)

    def protect(self, t: int, s: int, position: Position, room: float) -> None:
        """Stops and targets inside the bar."""
        if not self.account_has_stops() or position.units == 0:
            return
        market = self.market
        open_ = float(market.open[t, s])
        side = math.copysign(1.0, position.units)
        worst, best = (market.low, market.high) if side > 0 else (market.high, market.low)
        worst, best = float(worst[t, s]), float(best[t, s])
        stop = position.entry * (1 - side * self.rule["stop_loss"])
        trail = position.best * (1 - side * self.rule["trailing"])
        target = position.entry * (1 + side * self.rule["take_profit"])
        nearest = max(stop, trail) if side > 0 else min(stop, trail)
        position.best = max(position.best, best) if side > 0 else min(position.best, best)
        if side * worst <= side * nearest:
            price = min(open_, nearest) if side > 0 else max(open_, nearest)
            reason = Reason.STOP_LOSS if nearest == stop else Reason.TRAILING_STOP
        elif side * best >= side * target:
            price = max(open_, target) if side > 0 else min(open_, target)
            reason = Reason.TAKE_PROFIT
        else:
            return
        position.order = None
        position.wanted = position.allowed = 0.0
        if self.account.stops.reentry == "new_signal":
            position.stopped_side = side
        self.fill(t, s, position, Order(0.0, position.placed, reason), price, room)

    def account_has_stops(self) -> bool:
        return any(math.isfinite(self.rule[n]) for n in ("stop_loss", "take_profit", "trailing"))

    def fill(
        self, t: int, s: int, position: Position, order: Order, price: float, room: float
    ) -> float:
        """Fill what there is room for; return how many units it was."""
        old, change = position.units, order.units - position.units
        new = order.units
        if abs(change) > room:
            change = math.copysign(room, change)
            new = old + change
            if self.account.limits.remainder == "wait" or order.units == 0:
                position.order = order
        if change == 0:
            return 0.0
        rule, costs, liquidity = self.rule, self.costs, self.liquidity
        fx, factor = float(self.market.fx_open[t, s]), rule["cost_scale"]
        size = abs(change) * fx
        spread = price * costs.half_spread_rate[s] + costs.half_spread_price[s]
        spread *= size * factor
        rate = costs.slippage_rate[s]
        if liquidity.slippage is not None:
            rate += liquidity.slippage[t, s]
        slippage = size * price * rate * factor
        impact, total = 0.0, order.filled + abs(change)
        if liquidity.impact is not None:
            moved = total * math.sqrt(total) - order.filled * math.sqrt(order.filled)
            impact = moved * fx * price * liquidity.impact[t, s] * factor
        order.filled = total
        fee = size * price * costs.fee_rate[s] * factor
        gain = old * (price - position.settled_at) * fx
        position.profit += gain - spread - slippage - impact - fee
        if old * new <= 0:
            position.entry = position.best = price
        elif abs(new) > abs(old):
            position.entry = (position.entry * old + price * change) / new
        position.units, position.settled_at, position.placed = new, price, order.decided
        self.fills.append(
            (s, order.decided, t, change, price, fx, spread, slippage, impact, fee, order.reason)
        )
        return abs(change)

    def liquidate(self, t: int, equity: float) -> bool:
        """Close everything when the equity is gone or below the maintenance margin."""
        gross = sum(abs(p.units * p.mark * p.fx) for p in self.positions)
        if equity <= 0:
            if self.ruined:
                return False
            self.ruined, reason = True, Reason.RUIN
        elif self.rule["maintenance"] > 0 and equity < self.rule["maintenance"] * gross:
            reason = Reason.MARGIN_CALL
        else:
            return False
        for position in self.positions:
            position.order = Order(0.0, t, reason) if position.units else None
            position.wanted = position.allowed = 0.0
        return True

    def decide(self, t: int, equity: float) -> None:
        told = self.targets[t]
        if np.isnan(told).all():
            return
        for s, position in enumerate(self.positions):
            target = float(told[s])
            if math.isnan(target):
                continue
            if target * position.stopped_side > 0:
                target = 0.0
            else:
                position.stopped_side = 0.0
            strong = abs(target) >= self.rule["threshold"]
            position.wanted = target * self.rule["scale"] if strong else 0.0
        base = equity if self.account.compound else self.rule["capital"]
        for s, (position, target) in enumerate(
            zip(self.positions, self.cut(base, equity), strict=True)
        ):
            silent = math.isnan(told[s])
            if silent and target == position.allowed:
                continue
            position.allowed = target
            value = self.market.close[t, s] * self.market.fx_close[t, s]
            if not math.isfinite(value):
                continue
            wanted = target * base / value
            small = abs(wanted - position.units) * value < self.rule["band"] * base
            reason = Reason.LIMIT if silent else self.reasons[t, s]
            send = wanted != position.units and (wanted == 0 or not small)
            position.order = Order(wanted, t, int(reason)) if send else None

    def cut(self, base: float, equity: float) -> list[float]:
        """Wanted fractions within the limits: names, gross, net, leverage."""
        rule = self.rule
        wanted = [p.wanted for p in self.positions]
        if all(math.isinf(rule[name]) for name in ("gross", "net", "name", "leverage")):
            return wanted
        wanted = [min(max(w, -rule["name"]), rule["name"]) for w in wanted]
        gross = sum(abs(w) for w in wanted)
        factor = min(1.0, rule["gross"] / gross) if gross else 1.0
        wanted = [w * factor for w in wanted]
        long = sum(w for w in wanted if w > 0)
        short = sum(-w for w in wanted if w <= 0)
        if abs(long - short) > rule["net"]:
            of_long = (short + rule["net"]) / long if long > short else 1.0
            of_short = (long + rule["net"]) / short if short > long else 1.0
            wanted = [w * (of_long if w > 0 else of_short) for w in wanted]
            long, short = long * of_long, short * of_short
        if (long + short) * base > rule["leverage"] * equity:
            factor = rule["leverage"] * equity / ((long + short) * base)
            wanted = [w * factor for w in wanted]
        return wanted
