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

from fints_pipeline.data.carried import Band
from fints_pipeline.data.rule_parameters import BadTicks

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
# Relative; sums of a thousand closes err by less than a thousandth of it.
MARGIN = 1e-9


def bad_ticks(
    high: Floats,
    low: Floats,
    close: Floats,
    restart: Flags,
    parameters: BadTicks,
    before: Band = Band(),  # noqa: B008
) -> tuple[Flags, Flags, Band]:
    """Find bars outside their band.

    Causal: the flag of row t uses rows up to t. Whether a spike reverted is known one row later and
    is for reports alone.

    Args:
        high: (T,) comparable through time, positive.
        low: (T,)
        close: (T,)
        restart: (T,) whether nothing before the row says what its price should be.
        parameters: The rule's.
        before: Where the rule stood after the rows before these.

    Returns:
        (T,) flags of bars outside, (T,) of those among them that proved to be spikes, and where the
        rule stands after them. Cut anywhere and continued, the flags are those of one pass; that a
        last row was a spike is not told to whoever stopped there.
    """
    window = parameters.window
    arrived = np.empty(window)
    closes = before.closes[-window:]
    arrived[: len(closes)] = closes
    suspect, spike, count, side, outside = _scan(
        high, low, close, restart, arrived, len(closes), before.side, before.outside,
        parameters.least, parameters.trim / 2, parameters.width, parameters.floor,
    )  # fmt: skip
    ring = np.roll(arrived, -(count % window)) if count > window else arrived[:count]
    return suspect, spike, Band(tuple(ring.tolist()), int(side), float(outside) if side else 0.0)


@njit(cache=True, nogil=True)
def _scan(
    high: Floats, low: Floats, close: Floats, restart: Flags,
    arrived: Floats, count: int, side: int, outside: float,
    least: int, trimmed: float, width: float, floor: float,
) -> tuple[Flags, Flags, int, int, float]:  # fmt: skip
    """Go on with a ring of closes in the order of their arrival, `arrived`, of which `count` came.

    `side` is not 0 while it is open what the bar before was, whose close is `outside`.
    """
    suspect = np.zeros(close.size, np.bool_)
    spike = np.zeros(close.size, np.bool_)
    window = arrived.size
    ends = np.empty(2)  # the lowest and the highest of them
    if count > 0:
        ends[0], ends[1] = arrived[:count].min(), arrived[:count].max()
    # The mean lies between those, and the band is at least `floor` of it: what is nearer than this
    # to both is inside. Rounding is far smaller than the margin.
    near = floor - MARGIN
    for t in range(close.size):
        if restart[t]:
            count, side = 0, 0
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
            if side != 0 and t > 0:
                spike[t - 1] = True
            side = 0
            count = _push(arrived, ends, count, close[t])
            continue
        where = 1 if close[t] > mean + band else -1 if close[t] < mean - band else 0
        if where != 0 and where == side:
            count = _push(arrived, ends, 0, outside)
            count = _push(arrived, ends, count, close[t])
            side = 0
            continue
        suspect[t] = True
        if side != 0 and t > 0:
            spike[t - 1] = True
        spike[t] = where == 0
        side, outside = where, close[t]
    return suspect, spike, count, side, outside


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
