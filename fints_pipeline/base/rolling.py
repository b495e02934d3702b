"""Compiled kernels over trailing windows, the same to the last bit wherever a partition starts.

Every window is summed by itself, oldest value first. A running sum would be faster, but what it
returns at row t depends on every row before it, so that a month computed from its declared
look-back would differ from the whole history in the last digits. For the same reason logarithms
and sines are taken one by one here: numpy's vector loops may round a value differently from its
neighbour's place in the array.

Arrays are contiguous float64 of shape (T,). A NaN inside a window makes that window NaN; the first
`window` − 1 rows have no window and are NaN.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]


def previous(values: FloatArray) -> FloatArray:
    """Return the value one row before each row, NaN at the first."""
    shifted = np.full(values.size, np.nan)
    shifted[1:] = values[:-1]
    return shifted


@njit(cache=True, error_model="numpy")
def log_ratio(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    """Return ln(numerator / denominator), row by row."""
    out = np.empty(numerator.size)
    for t in range(numerator.size):
        out[t] = math.log(numerator[t] / denominator[t])
    return out


@njit(cache=True, error_model="numpy")
def ratio(numerator: FloatArray, denominator: FloatArray, otherwise: float) -> FloatArray:
    """Return numerator / denominator, and `otherwise` where the denominator is 0.

    A NaN on either side wins over `otherwise`.
    """
    out = np.empty(numerator.size)
    for t in range(numerator.size):
        if denominator[t] == 0.0 and not math.isnan(numerator[t]):
            out[t] = otherwise
        else:
            out[t] = numerator[t] / denominator[t]
    return out


@njit(cache=True)
def cos_sin(turns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the cosine and the sine of angles given in turns (1 turn = 2π)."""
    cosine = np.empty(turns.size)
    sine = np.empty(turns.size)
    for t in range(turns.size):
        angle = 2.0 * math.pi * turns[t]
        cosine[t] = math.cos(angle)
        sine[t] = math.sin(angle)
    return cosine, sine


@njit(cache=True)
def rolling_sum(values: FloatArray, window: int) -> FloatArray:
    """Return the sum of the last `window` values."""
    out = np.full(values.size, np.nan)
    for t in range(window - 1, values.size):
        total = 0.0
        for i in range(t - window + 1, t + 1):
            total += values[i]
        out[t] = total
    return out


def rolling_mean(values: FloatArray, window: int) -> FloatArray:
    """Return the mean of the last `window` values."""
    total: FloatArray = rolling_sum(values, window)
    return total / window


@njit(cache=True)
def rolling_std(values: FloatArray, window: int) -> FloatArray:
    """Return the sample standard deviation (divisor `window` − 1) of the last `window` values.

    Exactly 0 where all values of a window are equal, whatever the mean's rounding. `window` ≥ 2.
    """
    out = np.full(values.size, np.nan)
    for t in range(window - 1, values.size):
        first = t - window + 1
        total = 0.0
        constant = True
        for i in range(first, t + 1):
            total += values[i]
            constant = constant and values[i] == values[first]
        mean = total / window
        squares = 0.0
        for i in range(first, t + 1):
            squares += (values[i] - mean) * (values[i] - mean)
        out[t] = 0.0 if constant else math.sqrt(squares / (window - 1))
    return out


@njit(cache=True)
def rolling_max(values: FloatArray, window: int) -> FloatArray:
    """Return the largest of the last `window` values."""
    out = np.full(values.size, np.nan)
    for t in range(window - 1, values.size):
        best = values[t - window + 1]
        for i in range(t - window + 2, t + 1):
            # The negated comparison lets a NaN in, and the second test keeps it.
            if not values[i] <= best and not math.isnan(best):
                best = values[i]
        out[t] = best
    return out


def rolling_min(values: FloatArray, window: int) -> FloatArray:
    """Return the smallest of the last `window` values."""
    largest: FloatArray = rolling_max(-values, window)
    return -largest


def rolling_zscore(values: FloatArray, window: int) -> FloatArray:
    """Return how many standard deviations each value lies above the mean of its own window.

    The window ends at the value itself; 0 where the window is constant. `window` ≥ 2.
    """
    spread: FloatArray = rolling_std(values, window)
    zscore: FloatArray = ratio(values - rolling_mean(values, window), spread, 0.0)
    return zscore
