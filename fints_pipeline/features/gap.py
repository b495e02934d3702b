"""Gap between a bar's open and the close before it."""

from __future__ import annotations

from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, log_ratio, previous, ratio, rolling_mean
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class Gap(Feature):
    """Gap at the open of every bar, widest as a rule on a session's first.

    Columns (no unit, positive for a gap up):

    - `gap` = ln(O_t / C_{t−1});
    - `gap_atr_<window>` = (O_t − C_{t−1}) / ATR_{t−1}, where ATR_{t−1} is the mean true range of
      the `window` bars before bar t, so that the gap does not measure itself; 0 if that is 0.

    Causal: row t uses bars t − window − 1 … t. Warm-up: NaN in row 0 of `gap`, in the first
    `window` + 1 rows of `gap_atr_<window>`.
    Source: Wilder (1978) for the true range; the difference of a log is Campbell, Lo and MacKinlay
    (1997).
    """

    UNITS = ("log return", "average true ranges")

    window: int = Field(default=14, ge=1)

    @property
    def lookback(self) -> int:
        """`window` + 1 bars."""
        return self.window + 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The gap as a log return, the gap in average true ranges."""
        return ("gap", f"gap_atr_{self.window}")

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the gap in its two units."""
        before = bars.previous_close
        atr_before = previous(rolling_mean(bars.true_range, self.window))
        as_log, in_atr = self.columns
        return {
            as_log: log_ratio(bars.open, before),
            in_atr: ratio(bars.open - before, atr_before, 0.0),
        }
