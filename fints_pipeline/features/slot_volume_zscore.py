"""How unusual the present volume is for this time of the session."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, ratio
from fints_pipeline.features._slots import slot_moments
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class SlotVolumeZscore(Feature):
    """`slot_volume_zscore_<n>` = (V_t − mean(V)) / std(V) of the bar's slot, n = `sessions`.

    Mean and sample standard deviation run over the same slot (time since the session's scheduled
    open) in the n sessions before the bar's own; V is volume ÷ `split_factor`. No unit; 0 where
    the slot's volume has not changed. A session without a bar or a volume in the slot is left out.
    NaN where fewer than half of the n sessions, or fewer than two, have one, and where the bar has
    no volume.

    Causal: row t uses bar t and its slot in the n sessions before. Warm-up: NaN until half of the n
    sessions have passed; complete after `sessions` + 1 sessions.
    Source: the standard score, against the intraday pattern of Jain and Joh (1988).
    """

    UNITS = ("standard deviations",)

    sessions: int = Field(default=20, ge=2)

    @property
    def lookback(self) -> int:
        """None beyond the sessions."""
        return 0

    @property
    def lookback_sessions(self) -> int:
        """`sessions` and the own one."""
        return self.sessions + 1

    @property
    def columns(self) -> tuple[str, ...]:
        """The score."""
        return (f"slot_volume_zscore_{self.sessions}",)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the score."""
        mean, variance, seen = slot_moments(bars, bars.volume, self.sessions)
        score = ratio(bars.volume - mean, np.sqrt(variance), 0.0)
        score[2 * seen < self.sessions] = np.nan
        return {self.columns[0]: score}
