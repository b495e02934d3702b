"""Columns of bars as the kernels want them: contiguous and comparable across splits."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.base.rolling import FloatArray, log_ratio, previous


def adjusted(bars: pd.DataFrame, name: str) -> FloatArray:
    """Return price column `name` × `split_factor`: quote currency, in units of the first bar."""
    price = bars[name].to_numpy(dtype=np.float64)
    return np.ascontiguousarray(price * bars["split_factor"].to_numpy(dtype=np.float64))


def adjusted_volume(bars: pd.DataFrame) -> FloatArray:
    """Return volume ÷ `split_factor`: in units of the first bar, NaN where there is none."""
    volume = bars["volume"].to_numpy(dtype=np.float64)
    return np.ascontiguousarray(volume / bars["split_factor"].to_numpy(dtype=np.float64))


def close_to_close(bars: pd.DataFrame) -> FloatArray:
    """Return ln(C_t / C_{t−1}), NaN at row 0."""
    close = adjusted(bars, "close")
    returns: FloatArray = log_ratio(close, previous(close))
    return returns


def true_range(bars: pd.DataFrame) -> FloatArray:
    """Return max(H_t, C_{t−1}) − min(L_t, C_{t−1}), NaN at row 0.

    Source: Wilder, New Concepts in Technical Trading Systems (1978).
    """
    before = previous(adjusted(bars, "close"))
    return np.maximum(adjusted(bars, "high"), before) - np.minimum(adjusted(bars, "low"), before)
