"""Field ``magnet``: the level, if any, that the close lies next to."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks import primitives, session
from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK

VALUES = (
    "na", "none", "pdh", "pdl", "pdc", "orh", "orl", "mm", "ema", "round", "multi",
)  # fmt: skip
NA, NONE, PRIOR_DAY, _, PRIOR_CLOSE, OPENING_RANGE, _, MEASURED_MOVE, EMA, ROUND, MULTI = range(11)


@rule
def value(s: Any, p: Any) -> int:
    """Return the one level near, ``multi`` for two or more, else the average, else a round one."""
    near = p.magnet_atr * s.atr
    close = s.close[0, s.t & MASK]
    found, count = NONE, 0
    target_near = False
    for side in range(2):
        side_close = s.close[side, s.t & MASK]
        if s.has_prior == 1 and abs(side_close - s.prior_extreme[side]) <= near:
            found, count = PRIOR_DAY + side, count + 1
        stands = session.opening_range_stands(s, p)
        if stands and abs(side_close - s.opening_extreme[side]) <= near:
            found, count = OPENING_RANGE + side, count + 1
        if s.target_active[side] == 1 and abs(side_close - s.target[side]) <= near:
            target_near = True
    if s.has_prior == 1 and abs(close - s.prior_close) <= near:
        found, count = PRIOR_CLOSE, count + 1
    if target_near:
        found, count = MEASURED_MOVE, count + 1
    if count > 0:
        return MULTI if count > 1 else found
    if abs(primitives.above_ema(s, 0, close)) <= near:
        return EMA
    return ROUND if _near_round(p, close, near) else NONE


@rule
def _near_round(p: Any, close: int, near: float) -> bool:
    if p.round_step_ticks == 0:
        return False
    over = close % p.round_step_ticks
    return bool(min(over, p.round_step_ticks - over) <= near)
