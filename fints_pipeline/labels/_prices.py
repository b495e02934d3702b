"""Prices that are comparable across splits, and how much they have moved of late."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.base.rolling import FloatArray, log_ratio, previous, rolling_mean


def adjusted(bars: pd.DataFrame, name: str) -> FloatArray:
    """Return price column `name` × `split_factor`: quote currency, in units of the first bar."""
    price = bars[name].to_numpy(dtype=np.float64)
    return np.ascontiguousarray(price * bars["split_factor"].to_numpy(dtype=np.float64))


def close_to_close(bars: pd.DataFrame) -> FloatArray:
    """Return ln(C_t / C_{t−1}), NaN at row 0."""
    close = adjusted(bars, "close")
    returns: FloatArray = log_ratio(close, previous(close))
    return returns


def trailing_volatility(bars: pd.DataFrame, window: int) -> FloatArray:
    """Return the root mean square of the last `window` log returns, known at each bar's close.

    In units of log return a bar; NaN in the first `window` rows.
    """
    returns = close_to_close(bars)
    return np.sqrt(rolling_mean(returns * returns, window))
