"""Field ``trend``: the always-in direction, set by triggers and lost at swings or with age."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks import bar, primitives, swing
from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK

VALUES = ("na", "up", "down", "flat")
# UP plus the side is the trend of that side.
NA, UP, DOWN, FLAT = range(4)


@rule
def value(s: Any, p: Any) -> int:
    """Move the machine by one bar and return its state."""
    for side in range(2):
        if _triggers(s, p, side):
            s.trend = UP + side
            s.trigger_bar = s.t
            return int(s.trend)
    if s.trend != FLAT and _is_lost(s, p, s.trend - UP):
        s.trend = FLAT
    return int(s.trend)


@rule
def _triggers(s: Any, p: Any, side: int) -> bool:
    """Two strong bars in a row, or one very long bar beyond the recent highs."""
    if not bar.is_strong(s.bar, side):
        return False
    close = s.close[side, s.t & MASK]
    if s.cut == 0 and bar.is_strong(s.bar_before, side):
        gain = close - s.open[side, (s.t - 1) & MASK]
        if gain >= p.trigger_pair_atr * s.atr and primitives.above_ema(s, side, close) > 0:
            return True
    if s.bar != bar.LONG + side:
        return False
    size = s.high[0, s.t & MASK] - s.low[0, s.t & MASK]
    if size < p.trigger_long_atr * s.atr:
        return False
    return bool(close > primitives.highest(s, side, s.t - p.trigger_window, s.t - 1))


@rule
def _is_lost(s: Any, p: Any, side: int) -> bool:
    """The close lies beyond the last swing that the trend stands on, or the trigger is old."""
    if s.t - s.trigger_bar > p.trend_memory:
        return True
    k = swing.last(s, 1 - side)
    # The swing is a top of the other side: its level is this side's, mirrored.
    return bool(k >= 0 and s.close[side, s.t & MASK] < -s.swing_level[k])
