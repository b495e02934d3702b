"""Field ``entry``: counted breaks of the prior bar's high (H1, H2, H3) and low, and signal bars."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks import bar, combo, trend
from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK

VALUES = ("na", "none", "sigL", "sigS", "H1", "H2", "H3", "L1", "L2", "L3")
# SIGNAL plus the side is that side's signal bar; COUNT + 3 * side is its first count.
NA, NONE, SIGNAL, _, COUNT = range(5)
LARGEST = 3


@rule
def update(s: Any, p: Any) -> int:
    """Move both machines, as on every good bar; return the field as if past warm-up."""
    bull = _move(s, p, 0)
    bear = _move(s, p, 1)
    if s.trend == trend.DOWN:
        bull = 0
    if s.trend == trend.UP:
        bear = 0
    if bull > 0 and bear > 0:
        body = s.close[0, s.t & MASK] - s.open[0, s.t & MASK]
        bull = bull if body > 0 else 0
        bear = bear if body < 0 else 0
    if bull > 0:
        return COUNT + min(bull, LARGEST) - 1
    if bear > 0:
        return COUNT + LARGEST + min(bear, LARGEST) - 1
    return _signal(s)


@rule
def _move(s: Any, p: Any, side: int) -> int:
    """Return the count that fires at this bar, or 0."""
    high = s.high[side, s.t & MASK]
    if s.t == 0:
        _restart(s, side, high)
        return 0
    opposite = trend.UP + 1 - side
    turned = s.trend == opposite and s.trend_before != opposite
    if turned or s.cut == 1:
        _restart(s, side, high)
    fired = 0 if s.cut == 1 else _count(s, side, high)
    if high > s.entry_extreme[side]:
        _restart(s, side, high)
    else:
        s.entry_age[side] += 1
        if s.entry_age[side] > p.entry_memory:
            _restart(s, side, high)
    return fired


@rule
def _restart(s: Any, side: int, high: int) -> None:
    s.entry_extreme[side] = high
    s.entry_count[side] = 0
    s.entry_armed[side] = 0
    s.entry_age[side] = 0


@rule
def _count(s: Any, side: int, high: int) -> int:
    """A lower high arms the machine; the next higher high fires it."""
    before = s.high[side, (s.t - 1) & MASK]
    if s.entry_armed[side] == 1 and high > before:
        s.entry_count[side] += 1
        s.entry_armed[side] = 0
        return int(s.entry_count[side])
    if high < before:
        s.entry_armed[side] = 1
    return 0


@rule
def _signal(s: Any) -> int:
    """A bar of the trend's side, or a stop in its way, while the trend's machine is armed."""
    if s.trend == trend.FLAT:
        return NONE
    side = s.trend - trend.UP
    if s.entry_armed[side] == 0:
        return NONE
    good_bar = s.bar == bar.REVERSAL + side or bar.is_strong(s.bar, side)
    good_combo = s.combo == combo.TWO_BAR_REVERSAL + side
    paused = s.combo == combo.II or s.combo == combo.III or s.combo == combo.IOI
    return SIGNAL + side if good_bar or good_combo or paused else NONE
