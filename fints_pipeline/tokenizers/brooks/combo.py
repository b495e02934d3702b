"""Field ``combo``: the bar against the ones right before it."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks import bar
from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK

VALUES = (
    "na", "none", "inside", "ii", "iii", "ioi", "out_up", "out_dn", "out_nt", "tbr_up", "tbr_dn",
)  # fmt: skip
NA, NONE, INSIDE, II, III, IOI, OUT_UP, OUT_DN, OUT_NT, TWO_BAR_REVERSAL, _ = range(11)
_NEITHER, _INSIDE, _OUTSIDE = range(3)


@rule
def value(s: Any) -> int:
    """Classify the pair, rolling the run of inside and outside bars."""
    older = s.relation_before
    s.relation_before = s.relation
    s.relation = _relation(s)
    s.inside_run = s.inside_run + 1 if s.relation == _INSIDE else 0
    if s.relation == _INSIDE:
        if s.inside_run >= 3:
            return III
        if s.inside_run == 2:
            return II
        if s.relation_before == _OUTSIDE and older == _INSIDE:
            return IOI
        return INSIDE
    if s.relation == _OUTSIDE:
        return _outside(s)
    return _two_bar_reversal(s)


@rule
def _relation(s: Any) -> int:
    """Compare the range with the prior bar's; equal ranges are inside."""
    if s.cut == 1:
        return _NEITHER
    here, before = s.t & MASK, (s.t - 1) & MASK
    high, low = s.high[0, here], s.low[0, here]
    if high <= s.high[0, before] and low >= s.low[0, before]:
        return _INSIDE
    if high >= s.high[0, before] and low <= s.low[0, before]:
        return _OUTSIDE
    return _NEITHER


@rule
def _outside(s: Any) -> int:
    body = s.close[0, s.t & MASK] - s.open[0, s.t & MASK]
    if body > 0:
        return OUT_UP
    return OUT_DN if body < 0 else OUT_NT


@rule
def _two_bar_reversal(s: Any) -> int:
    """A strong bar right after a strong bar of the other side that takes back its open."""
    if s.cut == 1:
        return NONE
    for side in range(2):
        takes_back = s.close[side, s.t & MASK] >= s.open[side, (s.t - 1) & MASK]
        if bar.is_strong(s.bar, side) and bar.is_strong(s.bar_before, 1 - side) and takes_back:
            return TWO_BAR_REVERSAL + side
    return NONE
