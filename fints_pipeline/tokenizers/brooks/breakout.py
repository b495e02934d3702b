"""Field ``breakout``: tries beyond a box and beyond the opening range, and what becomes of them."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks import session
from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK

VALUES = ("na", "none", "up_try", "dn_try", "up_ok", "dn_ok", "up_fail", "dn_fail")
# A value plus the side is the value of that side.
NA, NONE, TRY, _, OK, _, FAIL, _ = range(8)
BOX, OPENING_RANGE = 0, 1
IDLE = -1
_NEITHER = -1


@rule
def restart_sessions(s: Any) -> None:
    """At a session's start the opening range's machine idles; in reset mode the box's too."""
    if s.new_session == 1:
        s.try_side[OPENING_RANGE] = IDLE
        s.opening_broken[:] = 0
        if s.reset == 1:
            s.try_side[BOX] = IDLE


@rule
def opening_break(s: Any, p: Any) -> int:
    """Note the first break of each side of the opening range; return the side that is news.

    Runs on every good bar: a break in warm-up, or while the machine is busy, is no news later.
    """
    if not session.opening_range_stands(s, p):
        return _NEITHER
    up = _breaks_opening(s, 0)
    down = _breaks_opening(s, 1)
    return _decide(s, up, down, s.opening_extreme[0], s.opening_extreme[1])


@rule
def _breaks_opening(s: Any, side: int) -> bool:
    if s.opening_broken[side] == 1 or s.high[side, s.t & MASK] <= s.opening_extreme[side]:
        return False
    s.opening_broken[side] = 1
    return True


@rule
def _decide(s: Any, up: bool, down: bool, upper: int, lower: int) -> int:
    """Return the broken side; of two, the one that the close lies beyond, if any."""
    if up and down:
        if s.close[0, s.t & MASK] > upper:
            return 0
        return 1 if s.close[1, s.t & MASK] > lower else _NEITHER
    if up:
        return 0
    return 1 if down else _NEITHER


@rule
def value(s: Any, p: Any, opening_news: int) -> int:
    """Move both machines by one bar; ok or fail beats try, the box beats the opening range."""
    box = _follow(s, p, BOX)
    if s.try_side[BOX] == IDLE and box == NONE:
        box = _open_box(s, p)
    opening = _follow(s, p, OPENING_RANGE)
    if s.try_side[OPENING_RANGE] == IDLE and opening == NONE and opening_news != _NEITHER:
        opening = _try(s, OPENING_RANGE, opening_news, s.opening_extreme[opening_news])
    if box >= OK or (opening < OK and box != NONE):
        return box
    return opening


@rule
def _follow(s: Any, p: Any, machine: int) -> int:
    """Judge a pending try by this bar's close; none when the machine is idle."""
    side = s.try_side[machine]
    if side == IDLE:
        return NONE
    beyond = s.close[side, s.t & MASK] - s.try_level[machine]
    if beyond <= 0:
        s.try_side[machine] = IDLE
        return int(FAIL + side)
    if beyond >= p.breakout_ok_atr * s.atr or s.t - s.try_bar[machine] >= p.breakout_bars:
        s.try_side[machine] = IDLE
        return int(OK + side)
    return int(TRY + side)


@rule
def _try(s: Any, machine: int, side: int, level: int) -> int:
    s.try_side[machine] = side
    s.try_level[machine] = level
    s.try_bar[machine] = s.t
    return TRY + side


@rule
def _open_box(s: Any, p: Any) -> int:
    up, upper = _breaks_box(s, p, 0)
    down, lower = _breaks_box(s, p, 1)
    side = _decide(s, up, down, upper, lower)
    if side == _NEITHER:
        return NONE
    return _try(s, BOX, side, upper if side == 0 else lower)


@rule
def _breaks_box(s: Any, p: Any, side: int) -> tuple[bool, int]:
    """Whether the bar is above the window's highest high, last seen `box_age` bars ago or more."""
    high = s.high[side, s.t & MASK]
    recent = s.high[side, (s.t - 1) & MASK]
    if high <= recent:
        return False, 0
    level = recent
    for age in range(2, p.box_window + 1):
        before = s.high[side, (s.t - age) & MASK]
        if age < p.box_age:
            recent = max(recent, before)
        level = max(level, before)
        if level >= high:
            return False, 0
    return level > recent or p.box_age == 1, level
