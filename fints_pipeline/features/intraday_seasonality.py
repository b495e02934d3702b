"""How volatile this time of the session usually is, and the return measured by it."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, ratio
from fints_pipeline.features._slots import slot_moments
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class IntradaySeasonality(Feature):
    """Trailing variance of the bar's slot, and the return in its units.

    A slot is the time from the session's scheduled open to the bar's: 09:35 is the same slot in
    summer and winter, on full days and half-days. With r = ln(C_t / C_{t−1}), the overnight step
    on a session's first bar included, and n = `sessions`:

    - `slot_variance_<n>` = mean of r² in the bar's slot over the n sessions before its own, in
      squared log return;
    - `deseasonalised_return_<n>` = r_t / √slot_variance, no unit, 0 where that variance is 0.

    A session without a bar in the slot is left out of the mean. NaN where fewer than half of the n
    sessions have one.

    Causal: row t uses bar t, its slot in the n sessions before, and one close before each. Warm-up:
    NaN until half of the n sessions have passed; complete after `sessions` + 1 sessions.
    Source: Taylor and Xu, The Incremental Volatility Information in One Million Foreign Exchange
    Quotations (1997), and Andersen and Bollerslev (1997), as a trailing mean.
    """

    UNITS = ("squared log return", "standard deviations")

    sessions: int = Field(default=20, ge=1)

    @property
    def lookback(self) -> int:
        """One bar: a return takes one more close."""
        return 1

    @property
    def lookback_sessions(self) -> int:
        """`sessions` and the own one."""
        return self.sessions + 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The slot's variance and the return in its units."""
        return (f"slot_variance_{self.sessions}", f"deseasonalised_return_{self.sessions}")

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the slot's variance and the return in its units."""
        variance, _, seen = slot_moments(bars, bars.squared_return, self.sessions)
        variance[2 * seen < self.sessions] = np.nan
        of_slot, deseasonalised = self.columns
        return {
            of_slot: variance,
            deseasonalised: ratio(bars.log_return, np.sqrt(variance), 0.0),
        }
