"""Errors of expected returns against what came, per row and against a naive forecast."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def error_metrics(signals: pd.DataFrame) -> dict[str, float]:
    """Errors of `expected_return` over the rows where it and the label are known.

    - `rmse`, `mae`: of log returns over the label's interval; `rmse_ratio` is the RMSE over that of
      saying zero, below 1 for a forecast that knows something.
    - `mape`: mean |error / label|. A return of exactly zero has no relative error: such rows are
      left out, and `mape_rows` is how many stay. Returns close to zero make it huge.
    - `mase`: the MAE over that of a naive forecast on the fold's validation span (`naive_error`),
      row by row, so that folds and instruments of different volatility weigh alike. The naive
      forecast says the label of `hold` bars before, which did not overlap with this one.

    Args:
        signals: rows of `evaluation.signals.signals`.

    Returns:
        Errors by name; NaN where there is nothing to score, nothing for a model without a return.

    Source of MASE: Hyndman and Koehler (2006), Another Look at Measures of Forecast Accuracy.
    """
    expected, label, naive = (
        signals[name].to_numpy(float) for name in ("expected_return", "label", "naive_error")
    )
    known = np.isfinite(expected) & np.isfinite(label)
    if not known.any():
        return {}
    error, label, naive = (expected - label)[known], label[known], naive[known]
    moved, scaled = label != 0, naive > 0
    size = np.abs(error)
    zero = float(np.sqrt(np.mean(label**2)))
    rmse = float(np.sqrt(np.mean(error**2)))
    return {
        "rmse": rmse,
        "rmse_ratio": rmse / zero if zero > 0 else float("nan"),
        "mae": float(size.mean()),
        "mape": _mean(size[moved] / np.abs(label[moved])),
        "mape_rows": int(moved.sum()),
        "mase": _mean(size[scaled] / naive[scaled]),
    }


def naive_error(label: Floats, lag: int) -> float:
    """Mean |y_t - y_{t - lag}| of one instrument's labels, in time order; NaN if there is none.

    With a lag of at least the label's horizon, the earlier label is known when t is predicted.
    """
    step = np.abs(label[lag:] - label[:-lag]) if len(label) > lag else np.empty(0)
    return _mean(step[np.isfinite(step)])


def _mean(values: Floats) -> float:
    return float(values.mean()) if values.size else float("nan")
