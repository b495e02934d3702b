"""How a bar's range divides into body and wicks."""

from __future__ import annotations

import numpy as np

from fints_pipeline.base.rolling import FloatArray, ratio
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class BodyWick(Feature):
    """Shares of the bar's range that its body and wicks take.

    Columns (no unit):

    - `body_share` = (C − O) / (H − L), in [−1, 1], positive for a bull bar;
    - `upper_wick_share` = (H − max(O, C)) / (H − L), in [0, 1];
    - `lower_wick_share` = (min(O, C) − L) / (H − L), in [0, 1].

    All three are 0 for a bar without range. Causal: row t uses bar t alone. Warm-up: none.
    Source: Nison, Japanese Candlestick Charting Techniques (1991), as ratios.
    """

    @property
    def lookback(self) -> int:
        """None."""
        return 0

    @property
    def columns(self) -> tuple[str, ...]:
        """The three shares."""
        return ("body_share", "upper_wick_share", "lower_wick_share")

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the three shares."""
        open_, high, low, close = bars.open, bars.high, bars.low, bars.close
        size = high - low
        return {
            "body_share": ratio(close - open_, size, 0.0),
            "upper_wick_share": ratio(high - np.maximum(open_, close), size, 0.0),
            "lower_wick_share": ratio(np.minimum(open_, close) - low, size, 0.0),
        }
