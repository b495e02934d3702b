"""Volatility from the range of the last bars."""

from __future__ import annotations

import math

import numpy as np
from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, rolling_mean
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class ParkinsonVolatility(Feature):
    """`parkinson_volatility_<window>` = √(mean(ln(H/L)²) / (4 ln 2)) over the last `window` bars.

    In units of log return a bar, not annualised: for a driftless Brownian path seen continuously it
    is the standard deviation of a bar's open-to-close return, with a fifth of the variance of the
    estimate from closes. The step from one bar to the next does not enter. 0 without any range.

    Causal: row t uses bars t − window + 1 … t. Warm-up: NaN in the first `window` − 1 rows.
    Source: Parkinson, The Extreme Value Method for Estimating the Variance of the Rate of Return
    (1980).
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
        return (f"parkinson_volatility_{self.window}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the volatility."""
        squares = rolling_mean(bars.log_range * bars.log_range, self.window)
        return {self.columns[0]: np.sqrt(squares / (4.0 * math.log(2.0)))}
