"""Rank and z-score over the members of a universe, bar by bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np
from numba import njit

from fints_pipeline.base.rolling import FloatArray


@njit(cache=True)
def rank(values_NT: FloatArray) -> FloatArray:
    """Return each value's rank in its column, 0 the smallest and 1 the largest; ties share theirs.

    NaN in every row of a column that holds one. N ≥ 2.
    """
    count, bars = values_NT.shape
    out_NT = np.full((count, bars), np.nan)
    for t in range(bars):
        for member in range(count):
            below = 0.0
            for other in range(count):
                if math.isnan(values_NT[other, t]):
                    below = math.nan
                elif values_NT[other, t] < values_NT[member, t]:
                    below += 1.0
                elif other != member and values_NT[other, t] == values_NT[member, t]:
                    below += 0.5
            out_NT[member, t] = below / (count - 1)
    return out_NT


@njit(cache=True)
def zscore(values_NT: FloatArray) -> FloatArray:
    """Return each value's distance from its column's mean in sample standard deviations.

    NaN in every row of a column that holds one, 0 where all values of a column are equal. N ≥ 2.
    """
    count, bars = values_NT.shape
    out_NT = np.full((count, bars), np.nan)
    for t in range(bars):
        total = 0.0
        alike = True
        for member in range(count):
            total += values_NT[member, t]
            alike = alike and values_NT[member, t] == values_NT[0, t]
        mean = total / count
        squares = 0.0
        for member in range(count):
            squares += (values_NT[member, t] - mean) * (values_NT[member, t] - mean)
        spread = math.sqrt(squares / (count - 1))
        for member in range(count):
            out_NT[member, t] = 0.0 if alike else (values_NT[member, t] - mean) / spread
    return out_NT


STATISTICS: Mapping[str, Callable[[FloatArray], FloatArray]] = {"rank": rank, "zscore": zscore}
