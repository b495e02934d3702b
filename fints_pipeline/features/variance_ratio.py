"""Whether prices wander more or less than a random walk would."""

from __future__ import annotations

from typing import Self

from pydantic import Field, model_validator

from fints_pipeline.base.rolling import (
    FloatArray,
    ratio,
    rolling_mean,
    rolling_sum,
    squares_about,
    squares_about_mean,
)
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class VarianceRatio(Feature):
    """`variance_ratio_<period>_<window>` of the last n = `window` log returns, q = `period`.

    Var(q-bar returns) / (q Var(r)), both about the mean m of the window's returns: the first is
    Σ (R − q m)² / (q (n − q + 1)(1 − q/n)) over the n − q + 1 overlapping q-bar returns R, the
    second Σ (r − m)² / (n − 1). No unit: 1 for a random walk, above in a trend, below where returns
    turn round. 1 where the returns do not differ.

    Causal: row t uses bars t − window … t. Warm-up: NaN in the first `window` rows.
    Source: Lo and MacKinlay, Stock Market Prices Do Not Follow Random Walks (1988), eq. 12.
    """

    UNITS = ("no unit",)

    window: int = Field(default=100, ge=3)
    period: int = Field(default=5, ge=2)

    @model_validator(mode="after")
    def _period_fits(self) -> Self:
        if self.period >= self.window:
            raise ValueError(f"period {self.period} must be shorter than window {self.window}")
        return self

    @property
    def lookback(self) -> int:
        """`window` bars: a return takes one more close."""
        return self.window

    @property
    def columns(self) -> tuple[str, ...]:
        """The ratio."""
        return (f"variance_ratio_{self.period}_{self.window}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the ratio."""
        n, q = self.window, self.period
        mean = rolling_mean(bars.log_return, n)
        single = squares_about_mean(bars.log_return, mean, n) / (n - 1)
        longer = squares_about(rolling_sum(bars.log_return, q), q * mean, n - q + 1)
        per_bar = longer / (q * (n - q + 1) * (1.0 - q / n))
        return {self.columns[0]: ratio(per_bar, single, 1.0)}
