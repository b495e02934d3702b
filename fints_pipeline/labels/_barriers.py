"""The first barrier that a trade's path meets."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from fints_pipeline.base.rolling import BoolArray, FloatArray
from fints_pipeline.labels._prices import adjusted, trailing_volatility
from fints_pipeline.labels.base import TimeArray

PROFIT, STOP, TIME = 1.0, -1.0, 0.0
IntArray = npt.NDArray[np.int64]


def first_barrier(
    bars: pd.DataFrame, side: FloatArray, profit: float, stop: float, horizon: int, window: int
) -> tuple[FloatArray, FloatArray, TimeArray]:
    """Follow a trade from the open of bar t + 1 until it meets a barrier.

    With O = O_{t+1}, w = σ_t √h (σ_t: root mean square of the last `window` log returns) and s the
    side, the barriers are O exp(s × `profit` × w), O exp(−s × `stop` × w) and the open of bar
    t + 1 + h. Bar by bar, t + 1 … t + h: an open beyond a barrier meets it; then the worse one is
    looked for first, so that a bar that reaches both is a stop. Filled bars meet none.

    Args:
        bars: BarsSchema of one instrument.
        side: (T,) 1 long, −1 short; no trade where it is 0 or NaN.
        profit: multiple of w.
        stop: multiple of w.
        horizon: h.
        window: of the volatility.

    Returns:
        PROFIT, STOP or TIME; the trade's log return with its side, at the barrier's price or at the
        last open; and when the outcome is known: the close of the bar that met a barrier (when
        inside the bar is not known), or the last open's time. NaN and NaT in the last h + 1 rows,
        without a side, in the volatility's warm-up or where it is 0, where nothing traded at
        the open of bar t + 1, and where the trade would end by time at such an open.
    """
    width = math.sqrt(horizon) * trailing_volatility(bars, window)
    is_filled, opens_filled = (
        bars[name].to_numpy(dtype=np.bool_) for name in ("is_filled", "opens_filled")
    )
    open_, high, low = (adjusted(bars, name) for name in ("open", "high", "low"))
    outcome, gain, last = _follow(
        open_, high, low, is_filled, opens_filled, np.sign(side), width, profit, stop, horizon
    )
    close_time = bars["close_time"].dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    open_time = bars["open_time"].dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    end = np.where(outcome == TIME, open_time[last], close_time[last])
    return outcome, gain, np.where(np.isnan(outcome), np.datetime64("NaT"), end)


@njit(cache=True, error_model="numpy")
def _follow(
    open_: FloatArray,
    high: FloatArray,
    low: FloatArray,
    is_filled: BoolArray,
    opens_filled: BoolArray,
    side: FloatArray,
    width: FloatArray,
    profit: float,
    stop: float,
    horizon: int,
) -> tuple[FloatArray, FloatArray, IntArray]:
    """Return outcome, log return and the row that decided it."""
    outcome = np.full(open_.size, np.nan)
    gain = np.full(open_.size, np.nan)
    last = np.zeros(open_.size, dtype=np.int64)
    for t in range(open_.size - horizon - 1):
        if opens_filled[t + 1] or not width[t] > 0.0 or not abs(side[t]) > 0.0:
            continue
        target, limit = profit * width[t], stop * width[t]
        result = TIME
        row = t + 1 + horizon
        for i in range(t + 1, row):
            if is_filled[i]:
                continue
            moved = side[t] * math.log(open_[i] / open_[t + 1])
            best, worst = (high[i], low[i]) if side[t] > 0.0 else (low[i], high[i])
            if moved >= target:
                result = PROFIT
            elif moved <= -limit or side[t] * math.log(worst / open_[t + 1]) <= -limit:
                result = STOP
            elif side[t] * math.log(best / open_[t + 1]) >= target:
                result = PROFIT
            if result != TIME:
                row = i
                break
        if result == TIME and opens_filled[row]:
            continue
        outcome[t] = result
        last[t] = row
        if result == TIME:
            gain[t] = side[t] * math.log(open_[row] / open_[t + 1])
        else:
            gain[t] = target if result == PROFIT else -limit
    return outcome, gain, last
