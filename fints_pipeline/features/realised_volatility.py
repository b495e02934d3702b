"""Realised volatility of the last bars."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, rolling_sum
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class RealisedVolatility(Feature):
    """`realised_volatility_<window>` = √(Σ r²) over the last `window` log returns.

    In units of log return over `window` bars; not annualised. The returns run close to close, so
    that an overnight step counts as one of them.

    Causal: row t uses bars t − window … t. Warm-up: NaN in the first `window` rows.
    Source: Andersen and Bollerslev, Answering the Skeptics (1998).
    """

    UNITS = ("log return",)

    window: int = Field(default=20, ge=1)

    @property
    def lookback(self) -> int:
        """`window` bars: a return takes one more close."""
        return self.window

    @property
    def columns(self) -> tuple[str, ...]:
        """The volatility."""
        return (f"realised_volatility_{self.window}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the volatility."""
        return {self.columns[0]: np.sqrt(rolling_sum(bars.squared_return, self.window))}
