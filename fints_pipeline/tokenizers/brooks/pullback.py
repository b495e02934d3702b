"""Field ``pullback``: how deep, and in how many legs, price came back inside the trend's leg.

A side's leg runs from its last stored base swing (trend up: the last swing low) to the highest
high since. It is a function of the bars since the base, kept incrementally on every good bar.
"""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks import trend
from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK

VALUES = ("na", "none", "ext", "1s", "1m", "1d", "2s", "2m", "2d", "over")
NA, NONE, EXT, ONE_SHALLOW, _, _, TWO_SHALLOW, _, _, OVER = range(10)


@rule
def track(s: Any, p: Any) -> None:
    """Roll both sides' legs; a newly stored base starts its leg anew from its own bar."""
    for side in range(2):
        if s.swing_stored[1 - side] == 1:
            base = s.t - p.swing_reach
            s.leg_known[side] = 1
            s.leg_base[side] = s.low[side, base & MASK]
            _start_top(s, side, base)
            for i in range(base + 1, s.t + 1):
                _advance(s, side, i)
        elif s.leg_known[side] == 1:
            _advance(s, side, s.t)


@rule
def _start_top(s: Any, side: int, i: int) -> None:
    s.leg_top[side] = s.high[side, i & MASK]
    s.leg_top_bar[side] = i
    s.leg_count[side] = 1
    s.leg_bounced[side] = 0


@rule
def _advance(s: Any, side: int, i: int) -> None:
    """Take bar i: a new top (the latest of a tie), a new low, a bounce, or nothing."""
    high, low = s.high[side, i & MASK], s.low[side, i & MASK]
    if high >= s.leg_top[side]:
        _start_top(s, side, i)
    elif i == s.leg_top_bar[side] + 1:
        s.leg_low[side] = low
    elif low < s.leg_low[side]:
        s.leg_low[side] = low
        s.leg_count[side] += s.leg_bounced[side]
        s.leg_bounced[side] = 0
    elif high > s.high[side, (i - 1) & MASK]:
        s.leg_bounced[side] = 1


@rule
def value(s: Any, p: Any) -> int:
    """Return the pullback inside the current trend's leg."""
    if s.trend == trend.FLAT:
        return NONE
    side = s.trend - trend.UP
    leg = s.leg_top[side] - s.leg_base[side]
    if s.leg_known[side] == 0 or leg < p.pullback_leg_atr * s.atr:
        return NONE
    if s.leg_top_bar[side] == s.t:
        return EXT
    depth = (s.leg_top[side] - s.leg_low[side]) / leg
    if depth > 1:
        return OVER
    grade = 0 if depth <= p.pullback_shallow else (1 if depth <= p.pullback_medium else 2)
    return (ONE_SHALLOW if s.leg_count[side] == 1 else TWO_SHALLOW) + grade
