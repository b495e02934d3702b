"""Moments of a slot, the same time since the open, over the sessions before."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numba import njit

from fints_pipeline.base.rolling import BoolArray, FloatArray
from fints_pipeline.features.bars import NO_TIME, Bars, IntArray


class SlotMoments(NamedTuple):
    """What a bar's slot held in the sessions before its own, each of shape (T,)."""

    mean: FloatArray
    """NaN where no session had a value."""
    variance: FloatArray
    """Sample variance; NaN where fewer than two sessions had a value, exactly 0 if all agree."""
    seen: IntArray
    """How many of the sessions had a value."""


def slot_moments(bars: Bars, values: FloatArray, sessions: int) -> SlotMoments:
    """Take moments of `values` in each bar's slot over the `sessions` sessions before its own.

    Causal: the bar's own value does not enter. NaN values are left out, oldest are added first, so
    that the result does not depend on where the table begins. Cost: O(T × sessions).

    Returns:
        moments with NaN and 0 seen for bars whose session the calendar does not know.
    """
    slot = bars.since_open
    moments = _moments(
        values, bars.slot_order, slot, bars.session_number, slot != NO_TIME, sessions
    )
    return SlotMoments(*moments)


@njit(cache=True)
def _moments(
    values: FloatArray,
    order: IntArray,
    slot: IntArray,
    session: IntArray,
    known: BoolArray,
    sessions: int,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Walk the rows slot by slot in the order of time; the window holds a slot's last sessions."""
    mean = np.full(values.size, np.nan)
    variance = np.full(values.size, np.nan)
    seen = np.zeros(values.size, dtype=np.int64)
    first = 0
    for place in range(order.size):
        t = order[place]
        if slot[t] != slot[order[first]]:
            first = place
        while session[order[first]] < session[t] - sessions:
            first += 1
        if not known[t]:
            continue
        total, count = 0.0, 0
        lowest, highest = math.inf, -math.inf
        for i in range(first, place):
            value = values[order[i]]
            if not math.isnan(value):
                total += value
                count += 1
                lowest, highest = min(lowest, value), max(highest, value)
        seen[t] = count
        if count > 0:
            mean[t] = total / count
        if count > 1:
            squares = 0.0
            for i in range(first, place):
                distance = values[order[i]] - mean[t]
                if not math.isnan(distance):
                    squares += distance * distance
            variance[t] = 0.0 if lowest == highest else squares / (count - 1)
    return mean, variance, seen
