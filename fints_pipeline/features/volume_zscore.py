"""How unusual the present volume is."""

from __future__ import annotations

from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, rolling_zscore
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class VolumeZscore(Feature):
    """`volume_zscore_<window>` = (V_t − mean(V)) / std(V) over the last `window` bars.

    Bar t is among them; V is volume ÷ `split_factor`, so that a split does not look like a burst of
    trading; std is the sample standard deviation. No unit; 0 where the volume has not changed.

    Causal: row t uses bars t − window + 1 … t. Warm-up: NaN in the first `window` − 1 rows. NaN
    also while a bar without volume is in the window, so everywhere if the source has none.
    Source: the standard score.
    """

    UNITS = ("standard deviations",)

    window: int = Field(default=100, ge=2)

    @property
    def lookback(self) -> int:
        """`window` − 1 bars."""
        return self.window - 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The score."""
        return (f"volume_zscore_{self.window}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the score."""
        return {self.columns[0]: rolling_zscore(bars.volume, self.window)}
