"""Distance of the close from its moving average."""

from __future__ import annotations

from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, log_ratio, rolling_mean
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class MovingAverageDistance(Feature):
    """`moving_average_distance_<window>` = ln(C_t / mean(C)) over the last `window` closes.

    Bar t is among them. No unit, positive above the average.

    Causal: row t uses bars t − window + 1 … t. Warm-up: NaN in the first `window` − 1 rows.
    Source: Brock, Lakonishok and LeBaron, Simple Technical Trading Rules (1992), as a distance.
    """

    UNITS = ("log return",)

    window: int = Field(default=20, ge=2)

    @property
    def lookback(self) -> int:
        """`window` − 1 bars."""
        return self.window - 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The distance."""
        return (f"moving_average_distance_{self.window}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the distance."""
        average = rolling_mean(bars.close, self.window)
        return {self.columns[0]: log_ratio(bars.close, average)}
