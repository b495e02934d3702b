"""Volatility from the wicks of the last bars, whatever their drift."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, rolling_mean
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class RogersSatchellVolatility(Feature):
    """`rogers_satchell_volatility_<window>` = √mean(ln(H/C) ln(H/O) + ln(L/C) ln(L/O)).

    The mean runs over the last `window` bars. In units of log return a bar, not annualised. Right
    whatever the drift within the bar; the step from one bar to the next does not enter. 0 for bars
    that run from one end of their range to the other.

    Causal: row t uses bars t − window + 1 … t. Warm-up: NaN in the first `window` − 1 rows.
    Source: Rogers and Satchell, Estimating Variance from High, Low and Closing Prices (1991).
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
        return (f"rogers_satchell_volatility_{self.window}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the volatility."""
        return {self.columns[0]: np.sqrt(rolling_mean(bars.rogers_satchell, self.window))}
