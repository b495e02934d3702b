"""Field ``bar``: the shape of one bar against the average true range."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK

VALUES = (
    "na", "flat", "doji", "bull_rev", "bear_rev", "bull_long", "bear_long",
    "bull_trend", "bear_trend", "bull_weak", "bear_weak",
)  # fmt: skip
# A bull value plus the side is the value of that side: REVERSAL + 1 is bear_rev.
NA, FLAT, DOJI, REVERSAL, _, LONG, _, TREND, _, WEAK, _ = range(11)


@rule
def value(s: Any, p: Any) -> int:
    """Classify the bar: flat, na, reversal, doji, long, trend, weak; the first that fits."""
    here = s.t & MASK
    size = s.high[0, here] - s.low[0, here]
    if size == 0:
        return FLAT
    if s.atr <= 0:
        return NA
    for side in range(2):
        if _is_reversal(s, p, side, size):
            return REVERSAL + side
    side = 0 if s.close[0, here] > s.open[0, here] else 1
    body = (s.close[side, here] - s.open[side, here]) / size
    up = (s.close[side, here] - s.low[side, here]) / size
    if body <= p.doji_body:
        return DOJI
    if size >= p.long_atr * s.atr and body >= p.long_body and up >= p.long_close:
        return LONG + side
    if body >= p.trend_body and up >= p.trend_close:
        return TREND + side
    return WEAK + side


@rule
def _is_reversal(s: Any, p: Any, side: int, size: int) -> bool:
    here = s.t & MASK
    low, close = s.low[side, here], s.close[side, here]
    if s.cut == 1 or close < s.open[side, here] or low >= s.low[side, (s.t - 1) & MASK]:
        return False
    tail = (s.open[side, here] - low) / size
    return bool(tail >= p.reversal_tail and (close - low) / size >= p.reversal_close)


@rule
def is_strong(code: int, side: int) -> bool:
    """Return whether a value is the side's trend or long bar."""
    return code == LONG + side or code == TREND + side
