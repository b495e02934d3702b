"""Compiled kernels over trailing windows, the same to the last bit wherever a partition starts.

Every window is summed by itself, oldest value first. A running sum would be faster, but what it
returns at row t depends on every row before it, so that a month computed from its declared
look-back would differ from the whole history in the last digits. For the same reason logarithms
and sines are taken one by one here: numpy's vector loops may round a value differently from its
neighbour's place in the array.

Sums walk the window in the outer loop and a block of rows in the inner one: each row still adds its
values from the oldest on, and the processor adds several rows at once. The cost is O(T × window);
extremes, which do not depend on order, cost O(T × log window).

Arrays are contiguous float64 of shape (T,). A NaN inside a window makes that window NaN; the first
`window` − 1 rows have no window and are NaN.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

FloatArray = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]

REMEMBERED_BITS = 12
REMEMBERED = 1 << REMEMBERED_BITS
SCATTER = np.uint64(0x9E3779B97F4A7C15)
"""Odd, about 2⁶⁴ / golden ratio: spreads neighbouring numbers over the table of remembered ones."""
BLOCK = 512
"""Rows that are summed side by side: few enough for their sums to stay in the nearest cache."""


def shifted(values: FloatArray, rows: int) -> FloatArray:
    """Return the value `rows` ≥ 0 rows before each row, NaN at the first ones."""
    out = np.full(values.size, np.nan)
    out[rows:] = values[: max(0, values.size - rows)]
    return out


def previous(values: FloatArray) -> FloatArray:
    """Return the value one row before each row, NaN at the first."""
    return shifted(values, 1)


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
        quotient = numerator[t] / denominator[t]
        degenerate = denominator[t] == 0.0 and not math.isnan(numerator[t])
        out[t] = otherwise if degenerate else quotient
    return out


@njit(cache=True)
def cos_sin(turns: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the cosine and the sine of angles given in turns (1 turn = 2π).

    Times of the day come back every day, so the last answers are kept where their bits lead.
    """
    cosine = np.empty(turns.size)
    sine = np.empty(turns.size)
    bits = turns.view(np.uint64)
    asked = np.zeros(REMEMBERED, dtype=np.uint64)
    cosines, sines = np.ones(REMEMBERED), np.zeros(REMEMBERED)
    for t in range(turns.size):
        place = (bits[t] * SCATTER) >> np.uint64(64 - REMEMBERED_BITS)
        if asked[place] != bits[t]:
            angle = 2.0 * math.pi * turns[t]
            asked[place] = bits[t]
            cosines[place], sines[place] = math.cos(angle), math.sin(angle)
        cosine[t], sine[t] = cosines[place], sines[place]
    return cosine, sine


@njit(cache=True)
def rolling_sum(values: FloatArray, window: int) -> FloatArray:
    """Return the sum of the last `window` values."""
    out = np.full(values.size, np.nan)
    for start in range(window - 1, values.size, BLOCK):
        total = out[start : start + BLOCK]
        total[:] = 0.0
        back = window - 1
        while back >= 3:
            past = values[start - back : start - back + total.size + 3]
            for i in range(total.size):
                # Four at a time, one after the other: fewer trips to memory, the same sum.
                total[i] = (((total[i] + past[i]) + past[i + 1]) + past[i + 2]) + past[i + 3]
            back -= 4
        while back >= 0:
            past = values[start - back : start - back + total.size]
            for i in range(total.size):
                total[i] += past[i]
            back -= 1
    return out


def rolling_mean(values: FloatArray, window: int) -> FloatArray:
    """Return the mean of the last `window` values."""
    total: FloatArray = rolling_sum(values, window)
    return total / window


@njit(cache=True)
def squares_about(values: FloatArray, centre: FloatArray, window: int) -> FloatArray:
    """Return the sum of squared distances of the last `window` values from the row's centre."""
    out = np.full(values.size, np.nan)
    for start in range(window - 1, values.size, BLOCK):
        total = out[start : start + BLOCK]
        middle = centre[start : start + BLOCK]
        total[:] = 0.0
        back = window - 1
        while back >= 3:
            past = values[start - back : start - back + total.size + 3]
            for i in range(total.size):
                a, b = past[i] - middle[i], past[i + 1] - middle[i]
                c, d = past[i + 2] - middle[i], past[i + 3] - middle[i]
                total[i] = (((total[i] + a * a) + b * b) + c * c) + d * d
            back -= 4
        while back >= 0:
            past = values[start - back : start - back + total.size]
            for i in range(total.size):
                a = past[i] - middle[i]
                total[i] += a * a
            back -= 1
    return out


@njit(cache=True)
def _is_constant(values: FloatArray, window: int) -> BoolArray:
    """Return whether the last `window` values are one and the same."""
    out = np.zeros(values.size, dtype=np.bool_)
    alike = 0
    for t in range(values.size):
        alike = alike + 1 if t > 0 and values[t] == values[t - 1] else 1
        out[t] = alike >= window and not math.isnan(values[t])
    return out


def squares_about_mean(values: FloatArray, mean: FloatArray, window: int) -> FloatArray:
    """Return the sum of squared distances of the last `window` values from their own mean.

    Exactly 0 where all values of a window are equal, whatever the rounding of `rolling_mean`.
    """
    squares: FloatArray = squares_about(values, mean, window)
    squares[_is_constant(values, window)] = 0.0
    return squares


def rolling_std(values: FloatArray, window: int) -> FloatArray:
    """Return the sample standard deviation (divisor `window` − 1) of the last `window` values.

    Exactly 0 where all values of a window are equal. `window` ≥ 2.
    """
    squares: FloatArray = squares_about_mean(values, rolling_mean(values, window), window)
    return np.sqrt(squares / (window - 1))


@njit(cache=True)
def rolling_max(values: FloatArray, window: int) -> FloatArray:
    """Return the largest of the last `window` values.

    The maximum over a window is the larger of those over its two ends, each as long as the largest
    power of two that fits; and so on down to single values.
    """
    out = np.full(values.size, np.nan)
    block = max(BLOCK, window)
    for start in range(window - 1, values.size, block):
        best = values[start - window + 1 : start + block].copy()
        length = 1
        while length < window:
            step = min(length, window - length)
            for i in range(best.size - step):
                earlier, later = best[i], best[i + step]
                # The negated comparison lets a NaN in, and the second test keeps it.
                best[i] = later if not later <= earlier and not math.isnan(earlier) else earlier
            length += step
        out[start : start + block] = best[: best.size - window + 1]
    return out


def rolling_min(values: FloatArray, window: int) -> FloatArray:
    """Return the smallest of the last `window` values."""
    largest: FloatArray = rolling_max(-values, window)
    return -largest


def rolling_zscore(values: FloatArray, window: int) -> FloatArray:
    """Return how many standard deviations each value lies above the mean of its own window.

    The window ends at the value itself; 0 where the window is constant. `window` ≥ 2.
    """
    mean = rolling_mean(values, window)
    spread = np.sqrt(squares_about_mean(values, mean, window) / (window - 1))
    zscore: FloatArray = ratio(values - mean, spread, 0.0)
    return zscore
