"""Log return, close to close, and its overnight and intraday parts."""

from __future__ import annotations

import numpy as np

from fints_pipeline.base.rolling import FloatArray, log_ratio
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class LogReturn(Feature):
    """Log return of the last bar, with a session's first bar split in two.

    Columns (natural logarithms, no unit), with adjusted prices:

    - `log_return` = ln(C_t / C_{t−1});
    - `overnight_return` = ln(O_t / C_{t−1}) on a session's first bar, 0 on every other;
    - `intraday_return` = ln(C_t / O_t) on a session's first bar, `log_return` on every other.

    So `log_return` is the sum of the other two, up to rounding. Round the clock, a session is a day
    and the overnight part is the step between two bars at midnight.

    Causal: row t uses bars t − 1 and t. Warm-up: NaN in row 0.
    Source: Campbell, Lo and MacKinlay, The Econometrics of Financial Markets (1997), ch. 1.
    """

    UNITS = ("log return",)

    @property
    def lookback(self) -> int:
        """One bar."""
        return 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The return and its two parts."""
        return ("log_return", "overnight_return", "intraday_return")

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the return and its two parts."""
        # Whether row 0 begins a session only the row before it could tell.
        overnight = np.zeros(len(bars))
        overnight[:1] = np.nan
        first = np.flatnonzero(bars.begins_session)
        overnight[first] = log_ratio(bars.open[first], bars.previous_close[first])
        return {
            "log_return": bars.log_return,
            "overnight_return": overnight,
            "intraday_return": bars.intraday_return,
        }
