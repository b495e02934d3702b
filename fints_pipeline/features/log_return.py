"""Log return, close to close, and its overnight and intraday parts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.base.rolling import FloatArray, log_ratio, previous
from fints_pipeline.features._prices import adjusted, close_to_close
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

    @property
    def lookback(self) -> int:
        """One bar."""
        return 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The return and its two parts."""
        return ("log_return", "overnight_return", "intraday_return")

    def compute(self, bars: pd.DataFrame) -> dict[str, FloatArray]:
        """Compute the return and its two parts."""
        open_, close = adjusted(bars, "open"), adjusted(bars, "close")
        before = previous(close)
        total = close_to_close(bars)
        session = bars["session"].to_numpy()
        first = np.zeros(session.size, dtype=np.bool_)
        first[1:] = session[1:] != session[:-1]
        overnight = np.where(first, log_ratio(open_, before), 0.0)
        intraday = np.where(first, log_ratio(close, open_), total)
        # Whether row 0 begins a session only the row before it could tell.
        overnight[:1] = np.nan
        return {
            "log_return": total,
            "overnight_return": overnight,
            "intraday_return": intraday,
        }
