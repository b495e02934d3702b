"""Whether a trade on a given side would have paid."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from pydantic import Field

from fints_pipeline.base.errors import KeyNotFoundError, nearest
from fints_pipeline.labels._barriers import first_barrier
from fints_pipeline.labels.base import Label, Labelled


class MetaLabel(Label):
    """`meta_label_<side>_<horizon>`: 1 if the trade on the given side gained, 0 if not.

    The side is the sign of `side`, a column of the features table: positive long, negative short. A
    model that is trained on this label says whether to take the trade that another rule proposes.

    The trade enters at O_{t+1} and ends at the first of three barriers, as in `triple_barrier`: the
    profit at `profit` × w in its favour, the stop at `stop` × w against it, or the open of bar
    t + 1 + h; a bar that reaches both is a stop. It gained if it met the profit, or if time ran out
    and its log return exceeds `cost_bps` × 1e−4.

    Interval: (close_time of t, t1], t1 the close_time of the bar that met a barrier, or the
    open_time of bar t + 1 + h. Null where the side is 0 or null, in the last h + 1 rows, in the
    first `window` rows and where σ_t is 0; where bar t + 1 is filled, and where bar t + 1 + h is
    and time ran out.
    Source: López de Prado, Advances in Financial Machine Learning (2018), 3.6.
    """

    UNIT = "class"

    side: str = Field(default="moving_average_distance_20", min_length=1)
    profit: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    stop: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    cost_bps: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    window: int = Field(default=100, ge=1)

    @property
    def column(self) -> str:
        """Name of the label's column."""
        return f"meta_label_{self.side}_{self.horizon}"

    @property
    def lookback(self) -> int:
        """`window` bars: a return takes one more close."""
        return self.window

    @property
    def features(self) -> tuple[str, ...]:
        """The side's column."""
        return (self.side,)

    @property
    def classes(self) -> Mapping[int, str]:
        """Leave the trade or take it."""
        return {0: "leave", 1: "take"}

    def compute(self, bars: pd.DataFrame) -> Labelled:
        """Compute the label.

        Raises:
            KeyNotFoundError: `bars` has no column `side`.
        """
        if self.side not in bars:
            raise KeyNotFoundError(
                f"no column {self.side!r} for the side of a meta-label",
                fix=nearest(self.side, bars.columns),
            )
        side = bars[self.side].to_numpy(dtype=np.float64)
        outcome, gain, end = first_barrier(
            bars, side, self.profit, self.stop, self.horizon, self.window
        )
        paid = np.where(outcome == 0.0, gain > self.cost_bps * 1e-4, outcome > 0.0)
        return Labelled(np.where(np.isnan(outcome), np.nan, paid), end)
