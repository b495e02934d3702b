"""Day of the week of the session, as a Fourier pair."""

from __future__ import annotations

import numpy as np

from fints_pipeline.base.rolling import FloatArray, cos_sin
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature

DAYS_A_WEEK = 7
THURSDAY = 3


class DayOfWeek(Feature):
    """`day_of_week_sin` and `day_of_week_cos` of 2πd/7, d = 0 on Monday … 6 on Sunday.

    The day is that of the session, not of the bar's stamp: an FX session that opens on Sunday
    evening in New York is Monday's. The week has seven days in every market, so that crypto and
    shares share a scale.

    Causal: row t uses bar t's session alone. Warm-up: none.
    Source: French, Stock Returns and the Weekend Effect (1980), for the effect.
    """

    UNITS = ("no unit",)

    @property
    def lookback(self) -> int:
        """None."""
        return 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Sine and cosine."""
        return ("day_of_week_sin", "day_of_week_cos")

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the Fourier pair."""
        days = bars.session.astype("datetime64[D]").view(np.int64)
        # Day 0 of the count was a Thursday.
        day = (days + THURSDAY) % DAYS_A_WEEK
        cosine, sine = cos_sin(np.arange(DAYS_A_WEEK) / DAYS_A_WEEK)
        return {"day_of_week_sin": sine[day], "day_of_week_cos": cosine[day]}
