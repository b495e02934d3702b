"""Log price differenced just enough to lose its trend and no more."""

from __future__ import annotations

import numpy as np
from numba import njit
from pydantic import Field

from fints_pipeline.base.rolling import BLOCK, FloatArray, log_ratio
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class FractionalDifference(Feature):
    """`fractional_difference_<order>_<window>` = Σ_k w_k ln C_{t−k} over k = 0 … window − 1.

    The weights are those of (1 − B)^d, B the step back by one bar and d = `order`: w_0 = 1,
    w_k = −w_{k−1} (d − k + 1) / k, cut off after `window` of them so that every row has the same
    ones. d = 1 would be the log return, d = 0 the log price; between them lies a series that
    remembers its level for long and yet returns to it. In units of log price; since the cut weights
    do not add up to 0, its level moves with that of the price. The point in `order` is spelled p:
    `fractional_difference_0p4_100`.

    Causal: row t uses bars t − window + 1 … t. Warm-up: NaN in the first `window` − 1 rows.
    Source: Hosking, Fractional Differencing (1981); López de Prado (2018), 5.5, fixed-width window.
    """

    UNITS = ("log price",)

    order: float = Field(default=0.4, gt=0, lt=2, allow_inf_nan=False)
    window: int = Field(default=100, ge=2)

    @property
    def lookback(self) -> int:
        """`window` − 1 bars."""
        return self.window - 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The differenced log price."""
        return (f"fractional_difference_{f'{self.order:g}'.replace('.', 'p')}_{self.window}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the differenced log price."""
        log_price = log_ratio(bars.close, np.ones(len(bars)))
        return {self.columns[0]: _weighted_sum(log_price, weights(self.order, self.window))}


def weights(order: float, window: int) -> FloatArray:
    """Return the weights of the present value, the one before, and so on."""
    out = np.ones(window)
    for k in range(1, window):
        out[k] = -out[k - 1] * (order - k + 1) / k
    return out


@njit(cache=True)
def _weighted_sum(values: FloatArray, weight: FloatArray) -> FloatArray:
    """Return Σ weight[k] × the value k rows back, from the oldest on."""
    window = weight.size
    out = np.full(values.size, np.nan)
    for start in range(window - 1, values.size, BLOCK):
        total = out[start : start + BLOCK]
        total[:] = 0.0
        for back in range(window - 1, -1, -1):
            past = values[start - back : start - back + total.size]
            for i in range(total.size):
                total[i] += weight[back] * past[i]
    return out
