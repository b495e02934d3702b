"""How unusual the present volatility is."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, rolling_sum, rolling_zscore
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class VolatilityZscore(Feature):
    """`volatility_zscore_<window>_<baseline>`: realised volatility against its own recent past.

    (v_t − mean(v)) / std(v), where v_t is √(Σ r²) over the last `window` log returns, and mean and
    sample standard deviation run over v of the last `baseline` bars, bar t among them. No unit; 0
    where v has not changed at all.

    Causal: row t uses bars t − window − baseline + 1 … t. Warm-up: NaN in the first
    `window` + `baseline` − 1 rows.
    Source: the standard score of Andersen and Bollerslev's realised volatility.
    """

    UNITS = ("standard deviations",)

    window: int = Field(default=20, ge=1)
    baseline: int = Field(default=100, ge=2)

    @property
    def lookback(self) -> int:
        """`window` + `baseline` − 1 bars."""
        return self.window + self.baseline - 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The score."""
        return (f"volatility_zscore_{self.window}_{self.baseline}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the score."""
        volatility = np.sqrt(rolling_sum(bars.squared_return, self.window))
        return {self.columns[0]: rolling_zscore(volatility, self.baseline)}
