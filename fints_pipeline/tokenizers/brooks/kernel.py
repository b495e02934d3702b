"""One pass over the bars: the grammar's order within a bar, state in, state out."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.tokenizers.brooks import (
    bar,
    breakout,
    combo,
    context,
    entry,
    event,
    fields,
    magnet,
    measured_move,
    primitives,
    pullback,
    session,
    swing,
    trend,
)
from fints_pipeline.tokenizers.brooks.compiled import entry_point, rule, sources_digest
from fints_pipeline.tokenizers.brooks.parameters import Parameters
from fints_pipeline.tokenizers.brooks.state import STATE

TREND, CONTEXT, BAR, COMBO, SWING, PULLBACK, ENTRY, BREAKOUT, MAGNET, EVENT = range(10)
#: Prices beyond this many ticks are not exact in float64.
LARGEST_TICKS = 2.0**52
_SOURCES = sources_digest()


#: The tokenizer's memory is one array of bytes: state, parameters, tick and the last tokens.
PARAMETERS = Parameters().record().dtype
STATE_BYTES = slice(0, STATE.itemsize)
PARAMETER_BYTES = slice(STATE_BYTES.stop, STATE_BYTES.stop + PARAMETERS.itemsize)
TICK_BYTES = slice(PARAMETER_BYTES.stop, PARAMETER_BYTES.stop + 8)
TOKEN_BYTES = slice(TICK_BYTES.stop, TICK_BYTES.stop + len(fields.FIELDS))


def new_record(reset: bool) -> NDArray[np.void]:
    """Return the state before the first bar, as a structured array of one row."""
    record: NDArray[np.void] = np.zeros(1, dtype=STATE)
    record["t"] = -1
    record["reset"] = int(reset)
    record["trend"] = trend.FLAT
    record["trend_before"] = trend.FLAT
    record["try_side"] = breakout.IDLE
    return record


@rule
def _step(s: Any, p: Any, out: Any) -> None:
    """Fill one row of tokens for the good bar that was just pushed."""
    session.update(s, p)
    s.bar_before = s.bar
    s.bar = bar.value(s, p)
    s.combo = combo.value(s)
    label = swing.update(s, p)
    pullback.track(s, p)
    event.track(s)
    breakout.restart_sessions(s)
    opening_news = breakout.opening_break(s, p)
    out[BAR] = s.bar
    out[COMBO] = s.combo
    alive = s.atr > 0
    ready = alive and s.t >= p.warmup
    s.trend_before = s.trend
    if alive:
        out[SWING] = label
    if ready:
        out[TREND] = trend.value(s, p)
        out[CONTEXT] = context.value(s, p)
    entered = entry.update(s, p)
    if ready:
        out[ENTRY] = entered
        out[PULLBACK] = pullback.value(s, p)
        out[BREAKOUT] = breakout.value(s, p, opening_news)
    if alive:
        measured_move.update(s, p)
    if ready:
        out[MAGNET] = magnet.value(s, p)
        out[EVENT] = event.value(s, p)


@rule
def _take(
    s: Any, p: Any, tick: float, o: float, h: float, low: float, c: float,
    day: int, filled: bool, out: Any,
) -> bool:  # fmt: skip
    """Tokenize one bar of prices; False when a price is too many ticks to be exact."""
    out[:] = fields.NA
    o, h, low, c = np.rint(o / tick), np.rint(h / tick), np.rint(low / tick), np.rint(c / tick)
    if not (np.isfinite(o) and np.isfinite(h) and np.isfinite(low) and np.isfinite(c)):
        return True
    if max(abs(o), abs(h), abs(low), abs(c)) > LARGEST_TICKS:
        return False
    if h < max(o, c) or low > min(o, c):
        return True
    if filled:
        out[BAR] = bar.FLAT
        return True
    primitives.push(s, p, int(o), int(h), int(low), int(c), day)
    _step(s, p, out)
    return True


def _entry_points(sources: int) -> tuple[Any, Any]:
    """Return the batch and the streaming kernel; both run the same step.

    They close over ``sources`` so that numba's disk cache is renewed when a rule changes.
    """

    def batch(
        states: Any, parameters: Any, tick: float, prices: Any, days: Any, filled: Any, out: Any
    ) -> int:
        """Tokenize rows in order; return the first row with inexact prices, or -1."""
        s, p = states[0], parameters[0]
        _ = sources
        for i in range(len(days)):
            if not _take(
                s, p, tick, prices[0][i], prices[1][i], prices[2][i], prices[3][i],
                days[i], filled[i], out[i],
            ):  # fmt: skip
                return i
        return -1

    def single(
        memory: Any, o: float, h: float, low: float, c: float, day: int, filled: bool
    ) -> bool:
        """Tokenize one bar into the memory's last bytes; False when its prices are inexact.

        All that a call needs lies in one array of bytes: to look at an argument's type costs Python
        more than the step itself, most of all for structured arrays.
        """
        _ = sources
        s = memory[STATE_BYTES].view(STATE)[0]
        p = memory[PARAMETER_BYTES].view(PARAMETERS)[0]
        tick = memory[TICK_BYTES].view(np.float64)[0]
        return _take(s, p, tick, o, h, low, c, day, filled, memory[TOKEN_BYTES].view(np.int8))

    return entry_point(batch), entry_point(single)


batch, single = _entry_points(_SOURCES)
