"""How volatile the next bars are, among what the last ones were."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numba import njit
from pydantic import Field

from fints_pipeline.base.rolling import BLOCK, FloatArray, rolling_sum
from fints_pipeline.labels._forward import ahead_of, known_at_close
from fints_pipeline.labels._prices import close_to_close
from fints_pipeline.labels.base import Label, Labelled


class VolatilityBucket(Label):
    """`volatility_bucket_<horizon>`: 0 calm … `buckets` − 1 wild, as float64.

    v_i is the realised volatility √(Σ r²) of the h close-to-close log returns that end with bar i.
    The label compares v_{t+h}, which bars t + 1 … t + h make, with v_{t−window+1} … v_t, which are
    known at bar t's close: with s the share of these that are smaller, it is ⌊`buckets` × s⌋, and
    `buckets` − 1 where s is 1. So the edges are trailing quantiles: nothing is fitted, no later
    bar moves an edge, and what counts as wild follows the regime.

    Interval: (close_time of t, close_time of bar t + h]. Null in the last h rows and in the first
    `window` + h − 1. Filled bars count as bars that did not move.
    Source: realised volatility after Andersen and Bollerslev (1998); trailing quantiles in place of
    a fit on a training span.
    """

    UNIT = "bucket"

    buckets: int = Field(default=3, ge=2)
    window: int = Field(default=500, ge=2)

    @property
    def column(self) -> str:
        """Name of the label's column."""
        return f"volatility_bucket_{self.horizon}"

    @property
    def lookback(self) -> int:
        """`window` + h − 1 bars."""
        return self.window + self.horizon - 1

    @property
    def ahead(self) -> int:
        """H bars: nothing is entered, so that no next open is needed."""
        return self.horizon

    @property
    def classes(self) -> Mapping[int, str]:
        """From calm to wild."""
        return {n: f"volatility_{n}" for n in range(self.buckets)}

    def compute(self, bars: pd.DataFrame) -> Labelled:
        """Compute the bucket."""
        returns = close_to_close(bars)
        variance = rolling_sum(returns * returns, self.horizon)
        share = share_below(ahead_of(variance, self.horizon), variance, self.window)
        value = np.minimum(self.buckets - 1.0, np.floor(self.buckets * share))
        return known_at_close(bars, value, self.horizon)


@njit(cache=True)
def share_below(levels: FloatArray, values: FloatArray, window: int) -> FloatArray:
    """Return the share of the last `window` values that are smaller than the row's level.

    NaN where the level or one of the values is.
    """
    out = np.full(values.size, np.nan)
    for start in range(window - 1, values.size, BLOCK):
        count = out[start : start + BLOCK]
        level = levels[start : start + BLOCK]
        count[:] = 0.0
        for back in range(window - 1, -1, -1):
            past = values[start - back : start - back + count.size]
            for i in range(count.size):
                # A difference with NaN is NaN, which is neither side of the test and stays.
                distance = level[i] - past[i]
                count[i] += 1.0 if distance > 0.0 else distance * 0.0
    return out / window
