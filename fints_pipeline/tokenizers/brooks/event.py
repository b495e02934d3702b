"""Field ``event``: rare things, by rank: gap, climax, wedge, measured move, micro channel."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks import bar, primitives
from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK

VALUES = (
    "na", "none", "gap_up", "gap_dn", "climax_up", "climax_dn", "wedge_up", "wedge_dn",
    "mm_up", "mm_dn", "micro_up", "micro_dn",
)  # fmt: skip
# A value plus the side is the value of that side.
NA, NONE, GAP, _, CLIMAX, _, WEDGE, _, MEASURED_MOVE, _, MICRO, _ = range(12)


@rule
def track(s: Any) -> None:
    """Roll the runs of bars without a lower low, as on every good bar."""
    for side in range(2):
        rises = s.cut == 0 and s.low[side, s.t & MASK] >= s.low[side, (s.t - 1) & MASK]
        s.micro_run[side] = s.micro_run[side] + 1 if rises else 0


@rule
def value(s: Any, p: Any) -> int:
    """Return the first rank that one side holds; a rank that both hold is skipped."""
    side = _only(_gap(s, p, 0), _gap(s, p, 1))
    if side >= 0:
        return GAP + side
    side = _only(_climax(s, p, 0), _climax(s, p, 1))
    if side >= 0:
        return CLIMAX + side
    side = _only(_wedge(s, p, 0), _wedge(s, p, 1))
    if side >= 0:
        return WEDGE + side
    side = _hit_side(s)
    if side >= 0:
        return MEASURED_MOVE + side
    side = _only(_micro(s, p, 0), _micro(s, p, 1))
    return MICRO + side if side >= 0 else NONE


@rule
def _only(up: bool, down: bool) -> int:
    """Return the one side that holds, or -1."""
    if up == down:
        return -1
    return 0 if up else 1


@rule
def _gap(s: Any, p: Any, side: int) -> bool:
    """The open clears the prior bar and lies well beyond its close, across sessions too."""
    before = (s.t - 1) & MASK
    opened = s.open[side, s.t & MASK]
    far = opened - s.close[side, before] >= p.gap_atr * s.atr
    return bool(opened > s.high[side, before] and far)


@rule
def _climax(s: Any, p: Any, side: int) -> bool:
    """A very long bar at a new extreme, far from the average."""
    if s.bar != bar.LONG + side:
        return False
    high = s.high[side, s.t & MASK]
    if high - s.low[side, s.t & MASK] < p.climax_atr * s.atr:
        return False
    if primitives.above_ema(s, side, high) < p.climax_ema_atr * s.atr:
        return False
    return bool(high >= primitives.highest(s, side, s.t - p.climax_window, s.t - 1))


@rule
def _wedge(s: Any, p: Any, side: int) -> bool:
    """The third of three rising tops, the second gain not larger, stored at this bar."""
    if s.swing_stored[side] == 0:
        return False
    k = s.swings - 1
    if s.swing_side[k] != side:
        k -= 1  # both sides were stored at this bar
    if k < 4:
        return False
    first, second, third = s.swing_level[k - 4], s.swing_level[k - 2], s.swing_level[k]
    rising = first < second and second < third
    slowing = third - second <= second - first
    return bool(rising and slowing and s.swing_bar[k] - s.swing_bar[k - 4] <= p.wedge_span)


@rule
def _hit_side(s: Any) -> int:
    """Return the side whose target was hit; of two, the one of the bar's body; else -1."""
    if s.target_hit[0] == 1 and s.target_hit[1] == 1:
        body = s.close[0, s.t & MASK] - s.open[0, s.t & MASK]
        if body == 0:
            return -1
        return 0 if body > 0 else 1
    return _only(s.target_hit[0] == 1, s.target_hit[1] == 1)


@rule
def _micro(s: Any, p: Any, side: int) -> bool:
    """A run of bars without a lower low that closes higher than it began."""
    if s.micro_run[side] < p.micro_run:
        return False
    return bool(s.close[side, s.t & MASK] > s.close[side, (s.t - p.micro_run) & MASK])
