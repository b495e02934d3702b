"""Variance of the last bars, and how much of it came in jumps."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from numba import njit
from pydantic import Field

from fints_pipeline.base.rolling import BoolArray, FloatArray, ratio, rolling_sum
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature

Window = Annotated[int, Field(ge=2)]


class RealisedVariance(Feature):
    """Realised variance, bipower variation and jump share, within sessions.

    r is the log return of a bar within its session: close to close, but ln(C/O) on a session's
    first bar, so that the step between sessions does not enter. For each of `windows` = w, over
    bars t − w + 1 … t:

    - `realised_variance_<w>` = Σ r²;
    - `bipower_variation_<w>` = (π/2) (w/m) Σ |r_i| |r_{i−1}| over the m pairs of neighbours that
      belong to one session; realised variance where there is no pair;
    - `jump_share_<w>` = max(0, 1 − bipower variation / realised variance), in [0, 1]; 0 where
      nothing moved.

    The first two in squared log return over w bars, the third without unit. Without jumps both
    estimate the same integrated variance; a jump enters the first as its square, while in the
    second it is multiplied by its quiet neighbours.

    Causal: row t uses bars t − max(windows) … t. Warm-up: NaN in the first w rows.
    Source: Barndorff-Nielsen and Shephard, Power and Bipower Variation with Stochastic Volatility
    and Jumps (2004).
    """

    UNITS = ("squared log return", "squared log return", "share of the variance")

    windows: tuple[Window, ...] = (78,)

    @property
    def lookback(self) -> int:
        """The longest window: a return takes one more close."""
        return max(self.windows, default=0)

    @property
    def columns(self) -> tuple[str, ...]:
        """Variance, bipower variation and jump share of each window."""
        names = ("realised_variance", "bipower_variation", "jump_share")
        return tuple(f"{name}_{window}" for window in self.windows for name in names)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the three measures over each window."""
        returns = bars.intraday_return
        products, paired = _neighbours(returns, bars.begins_session)
        columns: dict[str, FloatArray] = {}
        for window in self.windows:
            variance = rolling_sum(returns * returns, window)
            # The window's first return pairs with none: its neighbour lies outside.
            pairs = rolling_sum(paired, window - 1)
            mean = ratio(rolling_sum(products, window - 1), pairs, 0.0)
            bipower = np.where(pairs > 0, math.pi / 2 * window * mean, variance)
            bipower[np.isnan(variance)] = np.nan
            jump = np.maximum(0.0, ratio(variance - bipower, variance, 0.0))
            values = (variance, bipower, jump)
            names = self.columns[len(columns) : len(columns) + len(values)]
            columns.update(zip(names, values, strict=True))
        return columns


@njit(cache=True)
def _neighbours(returns: FloatArray, begins: BoolArray) -> tuple[FloatArray, FloatArray]:
    """Return |r_t| |r_{t−1}| with 1, and 0 with 0 where bar t begins a session."""
    products = np.zeros(returns.size)
    paired = np.zeros(returns.size)
    for t in range(1, returns.size):
        if not begins[t]:
            products[t] = abs(returns[t]) * abs(returns[t - 1])
            paired[t] = 1.0
    products[:1] = np.nan
    return products, paired
