"""Distance of the close from the price at which the market traded on average."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numba import njit
from pydantic import Field

from fints_pipeline.base.rolling import BoolArray, FloatArray, log_ratio, ratio, rolling_sum
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class VwapDistance(Feature):
    """Log distance of the close from the volume-weighted average price.

    VWAP = Σ V P / Σ V with the typical price P = (H + L + C) / 3, and the column is ln(C / VWAP),
    no unit, positive above the average:

    - `anchor: window`: `vwap_distance_<window>`, over the last `window` bars;
    - `anchor: session`: `vwap_distance_session`, over the session's bars so far.

    0 where nothing traded. NaN while a bar without volume is among them.

    Causal: row t uses bars t − window + 1 … t, or its session's bars up to t. Warm-up: NaN in the
    first `window` − 1 rows; none when anchored to the session.
    Source: Berkowitz, Logue and Noser, The Total Cost of Transactions on the NYSE (1988).
    """

    UNITS = ("log return",)

    window: int = Field(default=78, ge=1)
    anchor: Literal["window", "session"] = "window"

    @property
    def lookback(self) -> int:
        """`window` − 1 bars, or none beyond the session."""
        return self.window - 1 if self.anchor == "window" else 0

    @property
    def lookback_sessions(self) -> int:
        """None, or the own one."""
        return 0 if self.anchor == "window" else 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The distance."""
        return (f"vwap_distance_{self.window if self.anchor == 'window' else 'session'}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the distance."""
        typical = (bars.high + bars.low + bars.close) / 3.0
        value, traded = bars.volume * typical, bars.volume
        if self.anchor == "window":
            value, traded = rolling_sum(value, self.window), rolling_sum(traded, self.window)
        else:
            value = _since_session_began(value, bars.begins_session)
            traded = _since_session_began(traded, bars.begins_session)
        average = np.where(traded == 0.0, bars.close, ratio(value, traded, 0.0))
        return {self.columns[0]: log_ratio(bars.close, average)}


@njit(cache=True)
def _since_session_began(values: FloatArray, begins: BoolArray) -> FloatArray:
    """Return the sum of the session's values so far."""
    out = np.empty(values.size)
    total = 0.0
    for t in range(values.size):
        total = values[t] if begins[t] else total + values[t]
        out[t] = total
    return out
