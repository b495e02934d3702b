"""Month of the session, as a Fourier pair."""

from __future__ import annotations

import numpy as np

from fints_pipeline.base.rolling import FloatArray, cos_sin
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature

MONTHS_A_YEAR = 12


class MonthOfYear(Feature):
    """`month_of_year_sin` and `month_of_year_cos` of 2πm/12, m = 0 in January … 11 in December.

    The month is that of the session, not of the bar's stamp. No unit.

    Causal: row t uses bar t's session alone. Warm-up: none.
    Source: Rozeff and Kinney, Capital Market Seasonality (1976), for the effect.
    """

    UNITS = ("no unit",)

    @property
    def lookback(self) -> int:
        """None."""
        return 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Sine and cosine."""
        return ("month_of_year_sin", "month_of_year_cos")

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the Fourier pair."""
        month = bars.session.astype("datetime64[M]").view(np.int64) % MONTHS_A_YEAR
        cosine, sine = cos_sin(np.arange(MONTHS_A_YEAR) / MONTHS_A_YEAR)
        return {"month_of_year_sin": sine[month], "month_of_year_cos": cosine[month]}
