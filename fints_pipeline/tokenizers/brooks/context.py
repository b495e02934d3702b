"""Field ``context``: how tight and how directed the recent bars are."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks import primitives
from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK

VALUES = ("na", "tight", "range", "bull_trend", "bull_channel", "bear_trend", "bear_channel")
NA, TIGHT, RANGE, TREND, CHANNEL, _, _ = range(7)
#: Distance from a bull value to its bear value.
BEAR = 2


@rule
def value(s: Any, p: Any) -> int:
    """Return tight, trend, channel or range; the first that fits."""
    if _is_tight(s, p):
        return TIGHT
    close = s.close[0, s.t & MASK]
    net = close - s.close[0, (s.t - p.efficiency_window) & MASK]
    efficiency = abs(net) / s.path_sum if s.path_sum > 0 else 0.0
    side = 0 if net > 0 else 1
    if efficiency >= p.efficiency_trend:
        return TREND + BEAR * side
    if efficiency >= p.efficiency_channel:
        side_close = s.close[side, s.t & MASK]
        if primitives.above_ema(s, side, side_close) > 0:
            return CHANNEL + BEAR * side
    return RANGE


@rule
def _is_tight(s: Any, p: Any) -> bool:
    """Whether the span of the last bars, this one included, is small."""
    limit = p.tight_atr * s.atr
    high, low = s.high[0, s.t & MASK], s.low[0, s.t & MASK]
    for i in range(s.t - 1, s.t - p.tight_window, -1):
        high = max(high, s.high[0, i & MASK])
        low = min(low, s.low[0, i & MASK])
        if high - low > limit:
            return False
    return bool(high - low <= limit)
