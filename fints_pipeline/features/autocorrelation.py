"""Whether returns follow each other or turn round."""

from __future__ import annotations

from typing import Self

import numpy as np
from numba import njit
from pydantic import Field, model_validator

from fints_pipeline.base.rolling import BLOCK, FloatArray, ratio, rolling_mean, squares_about_mean
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class Autocorrelation(Feature):
    """`autocorrelation_<lag>_<window>` of the last `window` log returns, in [−1, 1], no unit.

    Σ (r_i − m)(r_{i−lag} − m) / Σ (r_i − m)², where m is the mean of the window's returns, the
    second sum runs over all of them and the first over the `window` − `lag` pairs within. 0 where
    the returns do not differ.

    Causal: row t uses bars t − window … t. Warm-up: NaN in the first `window` rows.
    Source: Box and Jenkins, Time Series Analysis (1970), 2.1.
    """

    UNITS = ("no unit",)

    window: int = Field(default=100, ge=3)
    lag: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _lag_fits(self) -> Self:
        if self.lag >= self.window:
            raise ValueError(f"lag {self.lag} must be shorter than window {self.window}")
        return self

    @property
    def lookback(self) -> int:
        """`window` bars: a return takes one more close."""
        return self.window

    @property
    def columns(self) -> tuple[str, ...]:
        """The autocorrelation."""
        return (f"autocorrelation_{self.lag}_{self.window}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the autocorrelation."""
        mean = rolling_mean(bars.log_return, self.window)
        squares = squares_about_mean(bars.log_return, mean, self.window)
        products = _products(bars.log_return, mean, self.window, self.lag)
        return {self.columns[0]: ratio(products, squares, 0.0)}


@njit(cache=True)
def _products(values: FloatArray, mean: FloatArray, window: int, lag: int) -> FloatArray:
    """Return the sum of products of the window's values, `lag` apart, about the row's mean."""
    out = np.full(values.size, np.nan)
    for start in range(window - 1, values.size, BLOCK):
        total = out[start : start + BLOCK]
        centre = mean[start : start + BLOCK]
        total[:] = 0.0
        for back in range(window - 1 - lag, -1, -1):
            now = values[start - back : start - back + total.size]
            before = values[start - back - lag : start - back - lag + total.size]
            for i in range(total.size):
                total[i] += (now[i] - centre[i]) * (before[i] - centre[i])
    return out
