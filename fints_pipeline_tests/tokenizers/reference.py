"""A plain, slow twin of the Brooks grammar, written from docs/grammar.md and nothing else.

Every value is looked up in the whole history of good bars; only what the page defines as a machine
keeps a state. Nothing here is shared with the compiled kernel but the names of fields and values.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import isfinite

NAMES = (
    "trend", "context", "bar", "combo", "swing", "pullback", "entry", "breakout", "magnet", "event",
)  # fmt: skip
BULLS = ("bull_trend", "bull_long")
BEARS = ("bear_trend", "bear_long")
NAN_ROW = dict.fromkeys(NAMES, "na")


@dataclass
class Swing:
    kind: str  # "H" or "L"
    at: int
    price: int
    label: str


@dataclass
class Target:
    price: int
    base: int
    set_at: int


@dataclass
class Counter:
    """One entry machine; `sign` -1 runs it on mirrored prices."""

    sign: int
    ext: int = 0
    n: int = 0
    armed: bool = False
    age: int = 0

    def reset(self, high):
        self.ext, self.n, self.armed, self.age = high, 0, False, 0


@dataclass
class Try:
    side: str
    level: int
    at: int


@dataclass
class Reference:
    """Feed `take` with bars in order; it returns a dict of field values for each."""

    tick: float
    session_mode: str
    O: list = field(default_factory=list)  # noqa: E741
    H: list = field(default_factory=list)
    L: list = field(default_factory=list)
    C: list = field(default_factory=list)
    E: list = field(default_factory=list)
    TR: list = field(default_factory=list)
    session: list = field(default_factory=list)
    bars: list = field(default_factory=list)
    combos: list = field(default_factory=list)
    swings: list = field(default_factory=list)
    stored: list = field(default_factory=list)
    trend: str = "flat"
    trigger: int = 0
    bull: Counter = field(default_factory=lambda: Counter(+1))
    bear: Counter = field(default_factory=lambda: Counter(-1))
    box: Try | None = None
    opening: Try | None = None
    broken: set = field(default_factory=set)
    targets: dict = field(default_factory=dict)

    def take(self, o, h, low, c, session, is_filled=False):
        prices = [x / self.tick for x in (o, h, low, c)]
        if not all(isfinite(x) for x in prices):
            return dict(NAN_ROW)
        o, h, low, c = (round(x) for x in prices)
        if h < max(o, c) or low > min(o, c):
            return dict(NAN_ROW)
        if is_filled:
            return {**NAN_ROW, "bar": "flat"}
        self.O.append(o)
        self.H.append(h)
        self.L.append(low)
        self.C.append(c)
        self.session.append(session)
        return self.tokens()

    # ---- primitives -------------------------------------------------------------------------

    def tokens(self):
        t = self.t = len(self.C) - 1
        self.session_start = t == 0 or self.session[t] != self.session[t - 1]
        self.no_prior = t == 0 or (self.session_start and self.session_mode == "reset")
        if self.no_prior:
            self.TR.append(self.H[t] - self.L[t])
        else:
            top, bottom = max(self.H[t], self.C[t - 1]), min(self.L[t], self.C[t - 1])
            self.TR.append(top - bottom)
        self.E.append(
            float(self.C[0]) if t == 0 else self.E[-1] + 2 / 21 * (self.C[t] - self.E[-1])
        )
        self.A = sum(self.TR[t - 20 : t]) / 20 if t >= 20 else 0.0
        return self.rows()

    def first_of_session(self, t):
        start = t
        while start > 0 and self.session[start - 1] == self.session[t]:
            start -= 1
        return start

    def rows(self):
        alive, ready = self.A > 0, self.A > 0 and self.t >= 40
        row = dict(NAN_ROW)
        self.bars.append(self.bar())
        self.combos.append(self.combo())
        row["bar"], row["combo"] = self.bars[-1], self.combos[-1]
        self.stored = self.store_swings() if alive else []
        if alive and self.swings:
            row["swing"] = self.swings[-1].label
        before = self.trend
        if ready:
            row["trend"] = self.trend = self.next_trend()
            row["context"] = self.context()
        fired = self.entries(before)
        if ready:
            row["entry"] = self.entry(*fired)
            row["pullback"] = self.pullback()
        news = self.opening_news()
        if ready:
            row["breakout"] = self.breakout(news)
        hits = self.measured_moves() if alive else []
        if ready:
            row["magnet"] = self.magnet()
            row["event"] = self.event(hits)
        return row

    # ---- bar and combo ----------------------------------------------------------------------

    def bar(self):
        t = self.t
        o, h, low, c = self.O[t], self.H[t], self.L[t], self.C[t]
        r = h - low
        if r == 0:
            return "flat"
        if self.A <= 0:
            return "na"
        beta, u, d = abs(c - o) / r, (c - low) / r, (h - c) / r
        ut, lt = (h - max(o, c)) / r, (min(o, c) - low) / r
        if not self.no_prior:
            if c >= o and lt >= 1 / 3 and u >= 0.6 and low < self.L[t - 1]:
                return "bull_rev"
            if c <= o and ut >= 1 / 3 and d >= 0.6 and h > self.H[t - 1]:
                return "bear_rev"
        if beta <= 0.25:
            return "doji"
        if r >= 1.5 * self.A and beta >= 0.6:
            if c > o and u >= 0.7:
                return "bull_long"
            if c < o and d >= 0.7:
                return "bear_long"
        if beta >= 0.5:
            if c > o and u >= 0.6:
                return "bull_trend"
            if c < o and d >= 0.6:
                return "bear_trend"
        return "bull_weak" if c > o else "bear_weak"

    def is_inside(self, i):
        return self.has_prior(i) and self.H[i] <= self.H[i - 1] and self.L[i] >= self.L[i - 1]

    def is_outside(self, i):
        if not self.has_prior(i):
            return False
        up, down = self.H[i] - self.H[i - 1], self.L[i - 1] - self.L[i]
        return up >= 0 and down >= 0 and up + down > 0

    def has_prior(self, i):
        """Whether bar i may be compared with the bar before it."""
        if i < 1:
            return False
        return self.session_mode == "continuous" or self.session[i] == self.session[i - 1]

    def combo(self):
        t = self.t
        if not self.has_prior(t):
            return "none"
        if self.is_inside(t):
            if self.is_inside(t - 1):
                return "iii" if self.is_inside(t - 2) else "ii"
            return "ioi" if self.is_outside(t - 1) and self.is_inside(t - 2) else "inside"
        if self.is_outside(t):
            body = self.C[t] - self.O[t]
            return "out_up" if body > 0 else "out_dn" if body < 0 else "out_nt"
        now, before = self.bars[t], self.bars[t - 1]
        if now in BULLS and before in BEARS and self.C[t] >= self.O[t - 1]:
            return "tbr_up"
        if now in BEARS and before in BULLS and self.C[t] <= self.O[t - 1]:
            return "tbr_dn"
        return "none"

    # ---- swings -----------------------------------------------------------------------------

    def store_swings(self):
        p = self.t - 3
        around = [p - 3, p - 2, p - 1], [p + 1, p + 2, p + 3]
        high = all(self.H[p] > self.H[i] for i in around[0]) and all(
            self.H[p] >= self.H[i] for i in around[1]
        )
        low = all(self.L[p] < self.L[i] for i in around[0]) and all(
            self.L[p] <= self.L[i] for i in around[1]
        )
        order = [kind for kind, there in (("H", high), ("L", low)) if there]
        if high and low:
            if self.swings:
                first = self.swings[-1].kind
                order = [first, "L" if first == "H" else "H"]
            elif self.C[p] > self.O[p]:
                order = ["L", "H"]
            elif self.C[p] < self.O[p]:
                order = ["H", "L"]
            else:
                order = []
        return [kind for kind in order if self.store(kind, p)]

    def store(self, kind, p):
        price = self.H[p] if kind == "H" else self.L[p]
        if self.swings:
            last = self.swings[-1]
            if last.kind == kind:
                if price <= last.price if kind == "H" else price >= last.price:
                    return False
                self.swings.pop()
            else:
                leg = price - last.price if kind == "H" else last.price - price
                if leg < self.A:
                    return False
        self.swings.append(Swing(kind, p, price, self.label(kind, price)))
        self.swings = self.swings[-8:]
        return True

    def label(self, kind, price):
        same = [s for s in self.swings if s.kind == kind]
        if not same:
            return "na"
        if abs(price - same[-1].price) <= 0.2 * self.A:
            return "E" + kind
        return ("H" if price > same[-1].price else "L") + kind

    def last_swing(self, kind):
        same = [s for s in self.swings if s.kind == kind]
        return same[-1] if same else None

    # ---- trend and context ------------------------------------------------------------------

    def next_trend(self):
        t = self.t
        r, c, e = self.H[t] - self.L[t], self.C[t], self.E[t]
        now, before = self.bars[t], self.bars[t - 1]
        pair = self.has_prior(t)
        if (
            pair and now in BULLS and before in BULLS
            and c - self.O[t - 1] >= 1.5 * self.A and c > e
        ) or (now == "bull_long" and r >= 2 * self.A and c > max(self.H[t - 10 : t])):  # fmt: skip
            self.trigger = t
            return "up"
        if (
            pair and now in BEARS and before in BEARS
            and self.O[t - 1] - c >= 1.5 * self.A and c < e
        ) or (now == "bear_long" and r >= 2 * self.A and c < min(self.L[t - 10 : t])):  # fmt: skip
            self.trigger = t
            return "down"
        old = t - self.trigger > 100
        if self.trend == "up":
            low = self.last_swing("L")
            if old or (low and c < low.price):
                return "flat"
        if self.trend == "down":
            high = self.last_swing("H")
            if old or (high and c > high.price):
                return "flat"
        return self.trend

    def context(self):
        t = self.t
        if max(self.H[t - 9 : t + 1]) - min(self.L[t - 9 : t + 1]) <= 2 * self.A:
            return "tight"
        net = self.C[t] - self.C[t - 20]
        path = sum(abs(self.C[i] - self.C[i - 1]) for i in range(t - 19, t + 1))
        ratio = abs(net) / path if path else 0
        if ratio >= 0.5:
            return "bull_trend" if net > 0 else "bear_trend"
        if ratio >= 0.3 and net > 0 and self.C[t] > self.E[t]:
            return "bull_channel"
        if ratio >= 0.3 and net < 0 and self.C[t] < self.E[t]:
            return "bear_channel"
        return "range"

    # ---- pullback ---------------------------------------------------------------------------

    def pullback(self):
        if self.trend == "flat":
            return "none"
        base = self.last_swing("L" if self.trend == "up" else "H")
        if base is None:
            return "none"
        up = self.trend == "up"
        since = slice(base.at, self.t + 1)
        high = self.H[since] if up else [-x for x in self.L[since]]
        low = self.L[since] if up else [-x for x in self.H[since]]
        x0, x1, last = low[0], max(high), len(high) - 1
        at = max(i for i in range(len(high)) if high[i] == x1)
        if x1 - x0 < self.A:
            return "none"
        if at == last:
            return "ext"
        depth = (x1 - min(low[at + 1 :])) / (x1 - x0)
        if depth <= 0:
            return "ext"
        if depth > 1:
            return "over"
        grade = "s" if depth <= 1 / 3 else "m" if depth <= 2 / 3 else "d"
        return f"{min(self.legs(high, low, at), 2)}{grade}"

    def legs(self, high, low, at):
        legs, bounced, lowest = 1, False, None
        for i in range(at + 1, len(high)):
            new_low = lowest is None or low[i] < lowest
            if new_low:
                legs += bounced
                bounced = False
                lowest = low[i]
            elif high[i] > high[i - 1]:
                bounced = True
        return legs

    # ---- entry ------------------------------------------------------------------------------

    def entries(self, trend_before):
        turned_down = self.trend == "down" and trend_before != "down"
        turned_up = self.trend == "up" and trend_before != "up"
        return self.move(self.bull, turned_down), self.move(self.bear, turned_up)

    def move(self, m, turned):
        def high(i):
            return self.H[i] if m.sign > 0 else -self.L[i]

        t, fired = self.t, None
        if t == 0:
            m.ext = high(0)
            return None
        if turned or self.no_prior:
            m.reset(high(t))
        if not self.no_prior:
            if m.armed and high(t) > high(t - 1):
                m.n += 1
                m.armed = False
                fired = m.n
            elif high(t) < high(t - 1):
                m.armed = True
        if high(t) > m.ext:
            m.reset(high(t))
        else:
            m.age += 1
            if m.age > 20:
                m.reset(high(t))
        return fired

    def entry(self, up, down):
        body = self.C[self.t] - self.O[self.t]
        up = up if self.trend in ("up", "flat") else None
        down = down if self.trend in ("down", "flat") else None
        if up and down:
            up, down = (up if body > 0 else None), (down if body < 0 else None)
        if up:
            return f"H{min(up, 3)}"
        if down:
            return f"L{min(down, 3)}"
        bar, combo = self.bars[-1], self.combos[-1]
        if self.trend == "up" and self.bull.armed:
            stop = combo in ("tbr_up", "ii", "iii", "ioi")
            if stop or bar in ("bull_rev", "bull_trend", "bull_long"):
                return "sigL"
        if self.trend == "down" and self.bear.armed:
            stop = combo in ("tbr_dn", "ii", "iii", "ioi")
            if stop or bar in ("bear_rev", "bear_trend", "bear_long"):
                return "sigS"
        return "none"

    # ---- breakout ---------------------------------------------------------------------------

    def opening_range(self):
        """High and low of the session's first six bars, from its seventh on."""
        start = self.first_of_session(self.t)
        if self.t - start < 6:
            return None
        return max(self.H[start : start + 6]), min(self.L[start : start + 6])

    def opening_news(self):
        """The side of the opening range that is broken for the first time, with its level."""
        if self.session_start:
            self.opening, self.broken = None, set()
            if self.session_mode == "reset":
                self.box = None
        levels = self.opening_range()
        if levels is None:
            return None
        high, low = levels
        up = self.H[self.t] > high and "up" not in self.broken
        down = self.L[self.t] < low and "dn" not in self.broken
        self.broken |= {side for side, there in (("up", up), ("dn", down)) if there}
        return self.decide(high if up else None, low if down else None)

    def decide(self, high, low):
        c = self.C[self.t]
        if high is not None and low is not None:
            return ("up", high) if c > high else ("dn", low) if c < low else None
        if high is not None:
            return "up", high
        return ("dn", low) if low is not None else None

    def box_news(self):
        t = self.t
        high, low = max(self.H[t - 20 : t]), min(self.L[t - 20 : t])
        high_at = max(i for i in range(t - 20, t) if self.H[i] == high)
        low_at = max(i for i in range(t - 20, t) if self.L[i] == low)
        up = t - high_at >= 5 and self.H[t] > high
        down = t - low_at >= 5 and self.L[t] < low
        return self.decide(high if up else None, low if down else None)

    def breakout(self, opening_news):
        self.box, box = self.follow(self.box, self.box_news)
        self.opening, opening = self.follow(self.opening, lambda: opening_news)
        for kinds in (("ok", "fail"), ("try",)):
            for token in (box, opening):
                if token.split("_")[-1] in kinds:
                    return token
        return "none"

    def follow(self, pending, news):
        if pending is None:
            new = news()
            if new is None:
                return None, "none"
            return Try(new[0], new[1], self.t), f"{new[0]}_try"
        x = self.C[self.t] - pending.level
        x = x if pending.side == "up" else -x
        if x <= 0:
            return None, f"{pending.side}_fail"
        if x >= 0.5 * self.A or self.t - pending.at >= 5:
            return None, f"{pending.side}_ok"
        return pending, f"{pending.side}_try"

    # ---- measured moves, magnet, event ------------------------------------------------------

    def measured_moves(self):
        t, hits = self.t, []
        for side, target in list(self.targets.items()):
            up = side == "up"
            if self.H[t] >= target.price if up else self.L[t] <= target.price:
                hits.append(side)
            elif self.C[t] < target.base if up else self.C[t] > target.base:
                pass
            elif t - target.set_at <= 60:
                continue
            del self.targets[side]
        if self.stored and len(self.swings) >= 3:
            self.propose(*self.swings[-3:])
        return hits

    def propose(self, a0, a1, b0):
        up = b0.kind == "L"
        leg = abs(a1.price - a0.price)
        back = abs(a1.price - b0.price) / leg
        target = b0.price + (a1.price - a0.price)
        since = range(b0.at, self.t + 1)
        reached = any(self.H[i] >= target if up else self.L[i] <= target for i in since)
        if leg >= 2 * self.A and 0.2 <= back <= 0.8 and not reached:
            self.targets["up" if up else "dn"] = Target(target, b0.price, self.t)

    def magnet(self):
        t = self.t
        levels = {}
        start = self.first_of_session(t)
        if start > 0:
            prior = self.first_of_session(start - 1)
            levels["pdh"] = [max(self.H[prior:start])]
            levels["pdl"] = [min(self.L[prior:start])]
            levels["pdc"] = [self.C[start - 1]]
        if self.opening_range():
            high, low = self.opening_range()
            levels["orh"], levels["orl"] = [high], [low]
        levels["mm"] = [target.price for target in self.targets.values()]
        near = [
            name
            for name, prices in levels.items()
            if any(abs(self.C[t] - price) <= 0.25 * self.A for price in prices)
        ]
        if near:
            return near[0] if len(near) == 1 else "multi"
        return "ema" if abs(self.C[t] - self.E[t]) <= 0.25 * self.A else "none"

    def event(self, hits):
        body = self.C[self.t] - self.O[self.t]
        if len(hits) == 2:
            hits = ["up"] if body > 0 else ["dn"] if body < 0 else []
        ranks = {
            "gap": self.gaps(),
            "climax": self.climaxes(),
            "wedge": self.wedges(),
            "mm": hits,
            "micro": self.micros(),
        }
        for name, sides in ranks.items():
            if len(sides) == 1:
                return f"{name}_{sides[0]}"
        return "none"

    def gaps(self):
        t = self.t
        jump = self.O[t] - self.C[t - 1]
        up = self.O[t] > self.H[t - 1] and jump >= 0.5 * self.A
        down = self.O[t] < self.L[t - 1] and -jump >= 0.5 * self.A
        return ["up"] * up + ["dn"] * down

    def climaxes(self):
        t, a, e = self.t, self.A, self.E[self.t]
        if self.H[t] - self.L[t] < 2 * a:
            return []
        top = self.H[t] >= max(self.H[t - 20 : t]) and self.H[t] - e >= 3 * a
        bottom = self.L[t] <= min(self.L[t - 20 : t]) and e - self.L[t] >= 3 * a
        up = self.bars[t] == "bull_long" and top
        down = self.bars[t] == "bear_long" and bottom
        return ["up"] * up + ["dn"] * down

    def wedges(self):
        sides = []
        for kind, sign, side in (("H", 1, "up"), ("L", -1, "dn")):
            same = [s for s in self.swings if s.kind == kind][-3:]
            if kind not in self.stored or len(same) < 3:
                continue
            first, second, third = (sign * s.price for s in same)
            slowing = first < second < third and third - second <= second - first
            if slowing and same[-1].at - same[0].at <= 60:
                sides.append(side)
        return sides

    def micros(self):
        t = self.t
        bars = range(t - 4, t + 1)
        if not all(self.has_prior(i) for i in bars):
            return []
        up = all(self.L[i] >= self.L[i - 1] for i in bars) and self.C[t] > self.C[t - 5]
        down = all(self.H[i] <= self.H[i - 1] for i in bars) and self.C[t] < self.C[t - 5]
        return ["up"] * up + ["dn"] * down


def reference_tokens(bars, tick, session_mode):
    """Return a list of dicts, one a row of ``bars``."""
    twin = Reference(tick, session_mode)
    filled = bars["is_filled"] if "is_filled" in bars else [False] * len(bars)
    columns = (bars[name] for name in ("open", "high", "low", "close", "session"))
    return [twin.take(*row) for row in zip(*columns, filled, strict=True)]
