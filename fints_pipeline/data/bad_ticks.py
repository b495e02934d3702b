"""Bad ticks: bars with a price far outside the band of the closes before them.

Brownlees and Gallo's filter, made causal: a bar is compared with closes before it alone, where
theirs looks at both sides. With m the mean and s the standard deviation of the last `window`
closes, `trim` of them left out (half the highest, half the lowest), a bar is outside where a price
is farther from m than ``width`` s + ``floor`` m.

A bar outside is flagged at its own time, and its close is kept out of the band until it is known
what it was: where the next bar is inside, it was a spike that reverted, and stays out; where the
next one lies on the same side, the price has moved, that bar is not flagged, and the band begins
anew from both. So a jump costs one flag.

Source: C. T. Brownlees and G. M. Gallo, Financial econometric analysis at ultra-high frequency:
data handling concerns, Computational Statistics & Data Analysis 51 (2006).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

from fints_pipeline.data.rule_parameters import BadTicks

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
# Relative; sums of a thousand closes err by less than a thousandth of it.
MARGIN = 1e-9


def bad_ticks(
    high: Floats, low: Floats, close: Floats, restart: Flags, parameters: BadTicks
) -> tuple[Flags, Flags]:
    """Find bars outside their band.

    Causal: the flag of row t uses rows up to t. Whether a spike reverted is known one row later and
    is for reports alone.

    Args:
        high: (T,) comparable through time, positive.
        low: (T,)
        close: (T,)
        restart: (T,) whether nothing before the row says what its price should be.
        parameters: The rule's.

    Returns:
        (T,) flags of bars outside, and (T,) of those among them that proved to be spikes.
    """
    trimmed = parameters.trim / 2
    found: tuple[Flags, Flags] = _scan(
        high, low, close, restart,
        parameters.window, parameters.least, trimmed, parameters.width, parameters.floor,
    )  # fmt: skip
    return found


@njit(cache=True, nogil=True)
def _scan(
    high: Floats, low: Floats, close: Floats, restart: Flags,
    window: int, least: int, trimmed: float, width: float, floor: float,
) -> tuple[Flags, Flags]:  # fmt: skip
    suspect = np.zeros(close.size, np.bool_)
    spike = np.zeros(close.size, np.bool_)
    arrived = np.empty(window)  # closes in the order of their arrival, a ring
    ends = np.empty(2)  # the lowest and the highest of them
    # The mean lies between those, and the band is at least `floor` of it: what is nearer than this
    # to both is inside. Rounding is far smaller than the margin.
    near = floor - MARGIN
    count = 0
    pending, side = -1, 0
    for t in range(close.size):
        if restart[t]:
            count, pending = 0, -1
        if min(count, window) < least:
            count = _push(arrived, ends, count, close[t])
            continue
        inside = high[t] <= ends[0] * (1 + near) and low[t] >= ends[1] * (1 - near)
        mean, band = 0.0, 0.0
        if not inside:
            mean, deviation = _moments(np.sort(arrived[: min(count, window)]), trimmed)
            band = width * deviation + floor * mean
            inside = high[t] <= mean + band and low[t] >= mean - band
        if inside:
            if pending >= 0:
                spike[pending] = True
                pending = -1
            count = _push(arrived, ends, count, close[t])
            continue
        where = 1 if close[t] > mean + band else -1 if close[t] < mean - band else 0
        if where != 0 and pending >= 0 and where == side:
            count = _push(arrived, ends, 0, close[pending])
            count = _push(arrived, ends, count, close[t])
            pending = -1
            continue
        suspect[t] = True
        if pending >= 0:
            spike[pending] = True
        spike[t] = where == 0
        pending, side = (t, where) if where != 0 else (-1, 0)
    return suspect, spike


@njit(cache=True, nogil=True)
def _push(arrived: Floats, ends: Floats, count: int, value: float) -> int:
    """Add a close to the ring, where the oldest leaves a full one, and keep the ends right."""
    place = count % arrived.size
    gone = arrived[place] if count >= arrived.size else math.nan
    arrived[place] = value
    if count == 0:
        ends[:] = value
    elif gone == ends[0] or gone == ends[1]:
        ends[0], ends[1] = arrived.min(), arrived.max()
    else:
        ends[0], ends[1] = min(ends[0], value), max(ends[1], value)
    return count + 1


@njit(cache=True, nogil=True)
def _moments(ordered: Floats, trimmed: float) -> tuple[float, float]:
    """Return mean and standard deviation without the share `trimmed` at each end."""
    count = ordered.size
    skip = int(count * trimmed)
    total = 0.0
    for i in range(skip, count - skip):
        total += ordered[i]
    mean = total / (count - 2 * skip)
    squares = 0.0
    for i in range(skip, count - skip):
        squares += (ordered[i] - mean) ** 2
    return mean, math.sqrt(squares / (count - 2 * skip - 1))
