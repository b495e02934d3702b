"""Time of day within the session, as Fourier pairs."""

from __future__ import annotations

from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, cos_sin
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class TimeOfDay(Feature):
    """Fourier pairs of the time since the session's open.

    With p = (open_time − session_open) / (session_close − session_open), the share of the session's
    scheduled length that has passed at the bar's open, and k = 1 … `harmonics`:

    - `time_of_day_sin_<k>` = sin(2πkp);
    - `time_of_day_cos_<k>` = cos(2πkp).

    The schedule is the exchange's own: a half-day runs through the circle faster, and daylight
    saving moves nothing. Bars outside the scheduled hours have p outside [0, 1). NaN where the
    calendar knows no session.

    Causal: row t uses bar t's clock alone. Warm-up: none.
    Source: Andersen and Bollerslev, Intraday Periodicity and Volatility Persistence (1997).
    """

    UNITS = ("no unit",)

    harmonics: int = Field(default=2, ge=1)

    @property
    def lookback(self) -> int:
        """None."""
        return 0

    @property
    def columns(self) -> tuple[str, ...]:
        """Sine and cosine of each harmonic."""
        orders = range(1, self.harmonics + 1)
        return tuple(f"time_of_day_{f}_{k}" for k in orders for f in ("sin", "cos"))

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the Fourier pairs."""
        phase = bars.session_phase
        columns: dict[str, FloatArray] = {}
        for k in range(1, self.harmonics + 1):
            cosine, sine = cos_sin(k * phase)
            columns |= {f"time_of_day_sin_{k}": sine, f"time_of_day_cos_{k}": cosine}
        return columns
