"""Whether the next bars trend or go nowhere."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pydantic import Field

from fints_pipeline.base.rolling import log_ratio, rolling_sum
from fints_pipeline.labels._forward import ahead_of, known_at_close
from fints_pipeline.labels._prices import adjusted, close_to_close
from fints_pipeline.labels.base import Label, Labelled


class Regime(Label):
    """`regime_<horizon>`: −1 trend down, 0 range, 1 trend up, as float64.

    The rule: over bars t + 1 … t + h the price moves m = ln(C_{t+h} / O_{t+1}) along a path of
    length p = |ln(C_{t+1} / O_{t+1})| + Σ |ln(C_i / C_{i−1})| (i from t + 2). The bars trend in the
    direction of m if |m| ≥ `threshold` × p, and range otherwise or if nothing moved. |m| / p is
    Kaufman's efficiency ratio, in [0, 1]; for a random walk it is about 1 / √h on average.

    Interval: (close_time of t, close_time of bar t + h]. Null in the last h rows. Filled bars count
    as bars that did not move.
    Source: Kaufman, Smarter Trading (1995), the efficiency ratio, taken of the bars ahead.
    """

    UNIT = "class"

    horizon: int = Field(default=12, ge=2)
    threshold: float = Field(default=0.5, gt=0, le=1)

    @property
    def column(self) -> str:
        """Name of the label's column."""
        return f"regime_{self.horizon}"

    @property
    def ahead(self) -> int:
        """H bars: nothing is entered, so that no next open is needed."""
        return self.horizon

    @property
    def classes(self) -> Mapping[int, str]:
        """Trend down, range and trend up."""
        return {-1: "trend_down", 0: "range", 1: "trend_up"}

    def compute(self, bars: pd.DataFrame) -> Labelled:
        """Compute the regime."""
        h = self.horizon
        open_, close = adjusted(bars, "open"), adjusted(bars, "close")
        entry = ahead_of(open_, 1)
        move = log_ratio(ahead_of(close, h), entry)
        first = np.abs(log_ratio(ahead_of(close, 1), entry))
        path = first + ahead_of(rolling_sum(np.abs(close_to_close(bars)), h - 1), h)
        trends = (np.abs(move) >= self.threshold * path) & (path > 0.0)
        value = np.where(np.isnan(path), np.nan, np.where(trends, np.sign(move), 0.0))
        return known_at_close(bars, value, h)
