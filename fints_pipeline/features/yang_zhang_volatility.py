"""Volatility from range and body of the last bars and the steps between them."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, log_ratio, rolling_mean, rolling_std
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class YangZhangVolatility(Feature):
    """`yang_zhang_volatility_<window>` = √(σ_o² + k σ_c² + (1 − k) σ_rs²) over `window` = n bars.

    σ_o² is the sample variance of ln(O_t / C_{t−1}), σ_c² that of ln(C_t / O_t), σ_rs² the mean of
    Rogers' and Satchell's terms, and k = 0.34 / (1.34 + (n + 1) / (n − 1)). In units of log return
    a bar from close to close, not annualised; right whatever the drift, and the step from one bar
    to the next, widest overnight, enters.

    Causal: row t uses bars t − window … t. Warm-up: NaN in the first `window` rows.
    Source: Yang and Zhang, Drift-Independent Volatility Estimation Based on High, Low, Open and
    Close Prices (2000).
    """

    UNITS = ("log return a bar",)

    window: int = Field(default=20, ge=2)

    @property
    def lookback(self) -> int:
        """`window` bars: a step between bars takes one more close."""
        return self.window

    @property
    def columns(self) -> tuple[str, ...]:
        """The volatility."""
        return (f"yang_zhang_volatility_{self.window}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the volatility."""
        n = self.window
        k = 0.34 / (1.34 + (n + 1) / (n - 1))
        step = rolling_std(log_ratio(bars.open, bars.previous_close), n)
        body = rolling_std(bars.log_body, n)
        within = rolling_mean(bars.rogers_satchell, n)
        return {self.columns[0]: np.sqrt(step * step + k * (body * body) + (1.0 - k) * within)}
