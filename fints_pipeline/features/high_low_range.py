"""Log range of the bar."""

from __future__ import annotations

from fints_pipeline.base.rolling import FloatArray
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class HighLowRange(Feature):
    """`high_low_range` = ln(H_t / L_t), no unit, 0 for a bar without range.

    Causal: row t uses bar t alone. Warm-up: none.
    Source: Parkinson, The Extreme Value Method (1980), whose estimator squares and averages it.
    """

    UNITS = ("log return",)

    @property
    def lookback(self) -> int:
        """None."""
        return 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The range."""
        return ("high_low_range",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the range."""
        return {"high_low_range": bars.log_range}
