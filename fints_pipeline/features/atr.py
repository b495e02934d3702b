"""Average true range."""

from __future__ import annotations

from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, ratio, rolling_mean
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class Atr(Feature):
    """Average true range of the last `window` bars, simple mean, not Wilder's smoothing.

    TR_t = max(H_t, C_{t−1}) − min(L_t, C_{t−1}); with `relative` the mean is divided by C_t, which
    makes it comparable between instruments and through years.

    Column `atr_<window>` in quote currency (split-adjusted to the first bar's units), or
    `atr_<window>_relative` without unit.

    Causal: row t uses bars t − window … t. Warm-up: NaN in the first `window` rows.
    Source: Wilder, New Concepts in Technical Trading Systems (1978).
    """

    window: int = Field(default=14, ge=1)
    relative: bool = False

    @property
    def lookback(self) -> int:
        """`window` bars: a true range takes one more close."""
        return self.window

    @property
    def columns(self) -> tuple[str, ...]:
        """The average true range."""
        return (f"atr_{self.window}" + ("_relative" if self.relative else ""),)

    @property
    def units(self) -> tuple[str, ...]:
        """Quote currency, unless it is divided by a price."""
        return ("share of the close",) if self.relative else ("quote currency",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the average true range."""
        atr = rolling_mean(bars.true_range, self.window)
        if self.relative:
            atr = ratio(atr, bars.close, 0.0)
        return {self.columns[0]: atr}
