"""Field ``swing``: pivots, the swings stored from them, and the last one's label."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK, SWINGS

VALUES = ("na", "HH", "EH", "LH", "HL", "EL", "LL")
NA, _, EH, _, _, EL, _ = range(7)
#: A swing's side: a high is the top of side 0, a low the top of side 1.
HIGH, LOW = 0, 1


@rule
def update(s: Any, p: Any) -> int:
    """Store the pivots that this bar confirms and return the last stored swing's label."""
    s.swing_stored[:] = 0
    if s.atr > 0:
        high, low = _is_pivot(s, p, HIGH), _is_pivot(s, p, LOW)
        if high and low:
            _offer_both(s, p)
        elif high:
            _offer(s, p, HIGH)
        elif low:
            _offer(s, p, LOW)
    return int(s.swing_label[s.swings - 1]) if s.swings > 0 else NA


@rule
def last(s: Any, side: int) -> int:
    """Return the position of the last stored swing of a side, or -1."""
    for k in range(s.swings - 1, -1, -1):
        if s.swing_side[k] == side:
            return k
    return -1


@rule
def _offer_both(s: Any, p: Any) -> None:
    """One bar is both pivots: the last stored type goes first; the first of all follows its bar."""
    pivot = (s.t - p.swing_reach) & MASK
    body = s.close[0, pivot] - s.open[0, pivot]
    if s.swings == 0 and body == 0:
        return
    first = s.swing_side[s.swings - 1] if s.swings > 0 else (LOW if body > 0 else HIGH)
    _offer(s, p, first)
    _offer(s, p, 1 - first)


@rule
def _is_pivot(s: Any, p: Any, side: int) -> bool:
    """Strictly above the bars before, not below those after: the first of a tie wins."""
    pivot = s.t - p.swing_reach
    top = s.high[side, pivot & MASK]
    for k in range(1, p.swing_reach + 1):
        if s.high[side, (pivot + k) & MASK] > top or s.high[side, (pivot - k) & MASK] >= top:
            return False
    return True


@rule
def _offer(s: Any, p: Any, side: int) -> None:
    """Append the pivot, let it replace the last swing of its own type, or ignore it."""
    pivot = s.t - p.swing_reach
    level = s.high[side, pivot & MASK]
    if s.swings > 0:
        last_level = s.swing_level[s.swings - 1]
        if s.swing_side[s.swings - 1] == side:
            if level <= last_level:
                return
            s.swings -= 1
        elif level + last_level < p.swing_leg_atr * s.atr:
            return  # the last level is of the other side, hence mirrored: the sum is the leg
    _append(s, p, side, level, pivot)


@rule
def _append(s: Any, p: Any, side: int, level: int, pivot: int) -> None:
    if s.swings == SWINGS:
        for k in range(SWINGS - 1):
            s.swing_side[k] = s.swing_side[k + 1]
            s.swing_level[k] = s.swing_level[k + 1]
            s.swing_bar[k] = s.swing_bar[k + 1]
            s.swing_label[k] = s.swing_label[k + 1]
        s.swings -= 1
    label = _label(s, p, side, level)
    k = s.swings
    s.swing_side[k] = side
    s.swing_level[k] = level
    s.swing_bar[k] = pivot
    s.swing_label[k] = label
    s.swings += 1
    s.swing_stored[side] = 1


@rule
def _label(s: Any, p: Any, side: int, level: int) -> int:
    """Compare with the previous swing of the type; in side 1 a gain is a lower low."""
    k = last(s, side)
    if k < 0:
        return NA
    gain = level - s.swing_level[k]
    equal = EH if side == HIGH else EL
    if abs(gain) <= p.swing_equal_atr * s.atr:
        return equal
    outward = -1 if side == HIGH else 1
    return equal + outward if gain > 0 else equal - outward
