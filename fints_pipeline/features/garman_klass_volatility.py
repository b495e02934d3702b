"""Volatility from the range and the body of the last bars."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, rolling_mean
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class GarmanKlassVolatility(Feature):
    """`garman_klass_volatility_<window>` = √mean(½ ln(H/L)² − (2 ln 2 − 1) ln(C/O)²).

    The mean runs over the last `window` bars. In units of log return a bar, not annualised; assumes
    no drift; the step from one bar to the next does not enter. No term is negative, since a body
    never exceeds its range.

    Causal: row t uses bars t − window + 1 … t. Warm-up: NaN in the first `window` − 1 rows.
    Source: Garman and Klass, On the Estimation of Security Price Volatilities from Historical Data
    (1980), its practical estimator.
    """

    UNITS = ("log return a bar",)

    window: int = Field(default=20, ge=1)

    @property
    def lookback(self) -> int:
        """`window` − 1 bars."""
        return self.window - 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The volatility."""
        return (f"garman_klass_volatility_{self.window}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the volatility."""
        body, size = bars.log_body, bars.log_range
        variance = 0.5 * (size * size) - (2.0 * math.log(2.0) - 1.0) * (body * body)
        return {self.columns[0]: np.sqrt(rolling_mean(variance, self.window))}
