"""Volumes unlike those of the same time of day before: a robust z-score a time slot.

Sessions are cut into slots of half an hour, so that a busy open is compared with busy opens. With
x = ln(1 + volume), m the median and d the median absolute deviation from it of the slot's last
`window` bars, a bar is flagged where |x - m| > ``threshold`` · 1.4826 d. It is no judgement on busy
markets: the default threshold is passed where units change (shares to lots) or a digit slipped.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from numba import njit

from fints_pipeline.data.carried import Thousandths
from fints_pipeline.data.rule_parameters import VolumeAnomalies

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]
Index = npt.NDArray[np.int64]
# The standard deviation of a normal variable whose median absolute deviation is 1.
NORMAL = 1.4826
# Slots whose volumes hardly differ are not held to more than this, in logarithms.
LEAST_DEVIATION = 0.05
# Logarithms are kept in thousandths, a fiftieth of that, so that a month can hand its slots on.
THOUSAND, LARGEST = 1000.0, 65_535.0


def volume_anomalies(
    volume: Floats,
    slot: Index,
    parameters: VolumeAnomalies,
    before: Mapping[int, Thousandths] | None = None,
) -> tuple[Flags, dict[int, Thousandths]]:
    """Find volumes far from those before them in the same slot.

    Causal: row t is compared with rows before it. Rows without a trade, or without a volume, are
    neither flagged nor part of a reference.

    Args:
        volume: (T,) non-negative or null, comparable through time.
        slot: (T,) time slot, from 0.
        parameters: The rule's.
        before: The last logarithms of each slot before these rows, oldest first.

    Returns:
        (T,) flags, and the last logarithms of each slot after the rows. Cut anywhere and continued,
        the flags are those of one pass.
    """
    window, held = parameters.window, dict(before or {})
    slots = max(int(slot.max()) + 1 if len(slot) else 0, *(k + 1 for k in held), 0)
    arrived, count = np.empty((slots, window)), np.zeros(slots, np.int64)
    for k, last in held.items():
        count[k] = min(len(last), window)
        arrived[k, : count[k]] = last[-window:] / THOUSAND
    flags: Flags = _scan(
        volume, slot, arrived, count, parameters.least, parameters.threshold * NORMAL
    )
    return flags, {k: _oldest_first(arrived[k], count[k]) for k in np.flatnonzero(count).tolist()}


def _oldest_first(ring: Floats, count: int) -> Thousandths:
    whole = np.roll(ring, -(count % len(ring))) if count > len(ring) else ring[:count]
    return np.rint(whole * THOUSAND).astype(np.uint16)


@njit(cache=True, nogil=True)
def _scan(
    volume: Floats, slot: Index, arrived: Floats, count: Index, least: int, threshold: float
) -> Flags:
    found = np.zeros(volume.size, np.bool_)
    slots, window = arrived.shape
    ordered = np.empty((slots, window))
    for k in range(slots):
        ordered[k, : count[k]] = np.sort(arrived[k, : count[k]])
    for t in range(volume.size):
        if not volume[t] > 0.0:
            continue
        x, k = min(np.rint(math.log1p(volume[t]) * THOUSAND), LARGEST) / THOUSAND, slot[t]
        size = min(count[k], window)
        if size >= least:
            median = _median(ordered[k], size)
            deviation = max(_deviation(ordered[k], size, median), LEAST_DEVIATION)
            found[t] = abs(x - median) > threshold * deviation
        place = count[k] % window
        _replace(ordered[k], size, arrived[k, place], x, size == window)
        arrived[k, place] = x
        count[k] += 1
    return found


@njit(cache=True, nogil=True)
def _replace(ordered: Floats, size: int, gone: float, value: float, full: bool) -> None:
    """Put a value into its place among the first `size`; `gone` leaves where they are `full`."""
    at = np.searchsorted(ordered[:size], value)
    hole = np.searchsorted(ordered[:size], gone) if full else size
    if at > hole:
        at -= 1
        for i in range(hole, at):
            ordered[i] = ordered[i + 1]
    else:
        for i in range(hole, at, -1):
            ordered[i] = ordered[i - 1]
    ordered[at] = value


@njit(cache=True, nogil=True)
def _median(ordered: Floats, size: int) -> float:
    return float(ordered[(size - 1) // 2] + ordered[size // 2]) / 2


@njit(cache=True, nogil=True)
def _deviation(ordered: Floats, size: int, median: float) -> float:
    """Return the upper median of the distances from `median`.

    The nearest half of an ascending row is a run of it: the first one whose right end is at least
    as far from the median as its left end, or the one before that.
    """
    half = size // 2 + 1
    low, high = 0, size - half
    while low < high:
        left = (low + high) // 2
        if ordered[left + half - 1] - median >= median - ordered[left]:
            high = left
        else:
            low = left + 1
    nearest = max(ordered[low + half - 1] - median, median - ordered[low])
    if low > 0:
        before = max(ordered[low + half - 2] - median, median - ordered[low - 1])
        nearest = min(nearest, before)
    return float(nearest)
