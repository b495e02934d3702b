"""Measured moves: a second leg as long as the first, one target a direction."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks import primitives
from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK


@rule
def update(s: Any, p: Any) -> None:
    """Check the standing targets, then let a swing stored at this bar set a new one."""
    for side in range(2):
        s.target_hit[side] = 0
        if s.target_active[side] == 1:
            _check(s, p, side)
    if s.swings >= 3 and (s.swing_stored[0] == 1 or s.swing_stored[1] == 1):
        _propose(s, p)


@rule
def _check(s: Any, p: Any, side: int) -> None:
    """Hit first, then failed below its base, then expired."""
    if s.high[side, s.t & MASK] >= s.target[side]:
        s.target_hit[side] = 1
        s.target_active[side] = 0
    elif (
        s.close[side, s.t & MASK] < s.target_base[side]
        or s.t - s.target_bar[side] > p.measured_memory
    ):
        s.target_active[side] = 0


@rule
def _propose(s: Any, p: Any) -> None:
    """Three swings base, top, base: a long enough leg and a retracement that is neither extreme."""
    k = s.swings - 1
    side = 1 - s.swing_side[k]
    # Bases are tops of the other side, so their levels are mirrored.
    start, top, base = -s.swing_level[k - 2], s.swing_level[k - 1], -s.swing_level[k]
    leg = top - start
    if leg <= 0 or leg < p.measured_leg_atr * s.atr:
        return
    retracement = (top - base) / leg
    if retracement < p.measured_shallow or retracement > p.measured_deep:
        return
    target = base + leg
    if primitives.highest(s, side, s.swing_bar[k], s.t) >= target:
        return
    s.target_active[side] = 1
    s.target[side] = target
    s.target_base[side] = base
    s.target_bar[side] = s.t
