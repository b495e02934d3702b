"""Slope of a moving average."""

from __future__ import annotations

from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, log_ratio, rolling_mean, shifted
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class MovingAverageSlope(Feature):
    """`moving_average_slope_<window>_<span>` = ln(M_t / M_{t−span}) / span.

    M is the mean of the last `window` closes. In log return a bar, positive in a rising market.

    Causal: row t uses bars t − window − span + 1 … t. Warm-up: NaN in the first
    `window` + `span` − 1 rows.
    Source: Brock, Lakonishok and LeBaron, Simple Technical Trading Rules (1992), as a slope.
    """

    UNITS = ("log return a bar",)

    window: int = Field(default=20, ge=1)
    span: int = Field(default=5, ge=1)

    @property
    def lookback(self) -> int:
        """`window` + `span` − 1 bars."""
        return self.window + self.span - 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The slope."""
        return (f"moving_average_slope_{self.window}_{self.span}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the slope."""
        mean = rolling_mean(bars.close, self.window)
        return {self.columns[0]: log_ratio(mean, shifted(mean, self.span)) / self.span}
