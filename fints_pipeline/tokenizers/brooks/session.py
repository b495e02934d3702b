"""Session levels: the prior day's high, low and close, and the opening range."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK


@rule
def update(s: Any, p: Any) -> None:
    """Roll the levels; they run from the first bar, in both session modes."""
    here = s.t & MASK
    if s.new_session == 1:
        if s.t > 0:
            s.has_prior = 1
            s.prior_close = s.close[0, (s.t - 1) & MASK]
        s.session_bars = 0
    s.session_bars += 1
    for side in range(2):
        high = s.high[side, here]
        if s.new_session == 1:
            s.prior_extreme[side] = s.day_extreme[side]
            s.day_extreme[side] = high
            s.opening_extreme[side] = high
        else:
            s.day_extreme[side] = max(s.day_extreme[side], high)
            if s.session_bars <= p.opening_bars:
                s.opening_extreme[side] = max(s.opening_extreme[side], high)


@rule
def opening_range_stands(s: Any, p: Any) -> bool:
    """Return whether the opening range is complete, which is from the bar after its last on."""
    return bool(s.session_bars > p.opening_bars)
