"""Which of three barriers the price meets first."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pydantic import Field

from fints_pipeline.labels._barriers import first_barrier
from fints_pipeline.labels.base import Label, Labelled


class TripleBarrier(Label):
    """`triple_barrier_<horizon>`: 1 the upper one first, −1 the lower one, 0 time ran out.

    A path starts at O = O_{t+1}, the next open. With w = σ_t √h, σ_t the root mean square of the
    last `window` close-to-close log returns, the barriers are O exp(`upper` × w), O exp(−`lower` ×
    w), and the open of bar t + 1 + h. Bars t + 1 … t + h are followed by their highs and lows; a
    bar that opens beyond a barrier meets that one, and one that reaches both counts as the lower:
    within a bar the worse is taken to come first. Filled bars meet none.

    Interval: (close_time of t, t1], t1 the close_time of the bar that met a barrier, or the
    open_time of bar t + 1 + h. Null in the last h + 1 rows, though some could be told sooner; in
    the first `window` rows and where σ_t is 0; where bar t + 1 is filled, and where bar t + 1 + h
    is and time ran out.
    Source: López de Prado, Advances in Financial Machine Learning (2018), 3.4, with the entry moved
    from the close to the next open and highs and lows in place of closes.
    """

    UNIT = "class"

    upper: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    lower: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    window: int = Field(default=100, ge=1)

    @property
    def column(self) -> str:
        """Name of the label's column."""
        return f"triple_barrier_{self.horizon}"

    @property
    def lookback(self) -> int:
        """`window` bars: a return takes one more close."""
        return self.window

    @property
    def classes(self) -> Mapping[int, str]:
        """The barrier that was met first."""
        return {-1: "lower", 0: "time", 1: "upper"}

    def compute(self, bars: pd.DataFrame) -> Labelled:
        """Compute the label."""
        long = np.ones(len(bars))
        outcome, _, end = first_barrier(
            bars, long, self.upper, self.lower, self.horizon, self.window
        )
        return Labelled(outcome, end)
