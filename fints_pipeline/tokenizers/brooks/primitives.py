"""What every rule stands on: the bar's ticks, the average true range A and the average E."""

from __future__ import annotations

from typing import Any

from fints_pipeline.tokenizers.brooks.compiled import rule
from fints_pipeline.tokenizers.brooks.state import MASK


@rule
def push(s: Any, p: Any, o: int, h: int, low: int, c: int, session: int) -> None:
    """Take one good bar, in ticks, into the state: rings, A (this bar excluded), E (included)."""
    s.t += 1
    t = s.t
    here, before = t & MASK, (t - 1) & MASK
    s.new_session = 1 if t == 0 or session != s.session else 0
    s.session = session
    s.cut = 1 if t == 0 or (s.reset == 1 and s.new_session == 1) else 0
    _roll_atr(s, p, h, low, before)
    _remember(s, here, o, h, low, c)
    _roll_averages(s, p, c, before)


@rule
def _roll_atr(s: Any, p: Any, h: int, low: int, before: int) -> None:
    """A is the mean of whole ticks over a window: its running sum is exact in integers."""
    true_range = h - low
    if s.cut == 0:
        close_before = s.close[0, before]
        true_range = max(h, close_before) - min(low, close_before)
    s.atr = s.true_range_sum / p.atr_window if s.t >= p.atr_window else 0.0
    s.true_range_sum += true_range
    if s.t >= p.atr_window:
        s.true_range_sum -= s.true_range[(s.t - p.atr_window) & MASK]
    s.true_range[s.t & MASK] = true_range


@rule
def _remember(s: Any, here: int, o: int, h: int, low: int, c: int) -> None:
    s.open[0, here], s.open[1, here] = o, -o
    s.high[0, here], s.high[1, here] = h, -low
    s.low[0, here], s.low[1, here] = low, -h
    s.close[0, here], s.close[1, here] = c, -c


@rule
def _roll_averages(s: Any, p: Any, c: int, before: int) -> None:
    """Roll E, and the closes' path over the efficiency window (whole ticks, so exact)."""
    if s.t == 0:
        s.origin = c
        s.ema = 0.0
        return
    # Relative to the first close: then a shift or a mirror of all prices changes no rounding.
    s.ema += 2.0 / (p.ema_span + 1) * ((c - s.origin) - s.ema)
    s.path_sum += abs(c - s.close[0, before])
    last = s.t - p.efficiency_window
    if last >= 1:
        s.path_sum -= abs(s.close[0, last & MASK] - s.close[0, (last - 1) & MASK])


@rule
def above_ema(s: Any, side: int, price: int) -> float:
    """Return how far a side's price lies above E as that side sees it, in ticks."""
    if side == 0:
        return float((price - s.origin) - s.ema)
    return float(s.ema - (-price - s.origin))


@rule
def highest(s: Any, side: int, first: int, last: int) -> int:
    """Return the side's highest high of bars first … last, which must be remembered."""
    top = s.high[side, first & MASK]
    for i in range(first + 1, last + 1):
        top = max(top, s.high[side, i & MASK])
    return int(top)
