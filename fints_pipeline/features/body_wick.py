"""How a bar's range divides into body and wicks."""

from __future__ import annotations

import numpy as np
from numba import njit

from fints_pipeline.base.rolling import FloatArray
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class BodyWick(Feature):
    """Shares of the bar's range that its body and wicks take.

    Columns (no unit):

    - `body_share` = (C − O) / (H − L), in [−1, 1], positive for a bull bar;
    - `upper_wick_share` = (H − max(O, C)) / (H − L), in [0, 1];
    - `lower_wick_share` = (min(O, C) − L) / (H − L), in [0, 1].

    All three are 0 for a bar without range. Causal: row t uses bar t alone. Warm-up: none.
    Source: Nison, Japanese Candlestick Charting Techniques (1991), as ratios.
    """

    UNITS = ("share of the range",)

    @property
    def lookback(self) -> int:
        """None."""
        return 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The three shares."""
        return ("body_share", "upper_wick_share", "lower_wick_share")

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the three shares."""
        shares = _shares(bars.open, bars.high, bars.low, bars.close)
        return dict(zip(self.columns, shares, strict=True))


@njit(cache=True, error_model="numpy")
def _shares(
    open_: FloatArray, high: FloatArray, low: FloatArray, close: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return the shares of body, upper and lower wick."""
    body, upper, lower = np.empty(open_.size), np.empty(open_.size), np.empty(open_.size)
    for t in range(open_.size):
        size = high[t] - low[t]
        flat = size == 0.0
        body[t] = 0.0 if flat else (close[t] - open_[t]) / size
        upper[t] = 0.0 if flat else (high[t] - max(open_[t], close[t])) / size
        lower[t] = 0.0 if flat else (min(open_[t], close[t]) - low[t]) / size
    return body, upper, lower
