"""Sign of the forward return, flat within a dead band."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Literal

import numpy as np
import pandas as pd
from pydantic import Field

from fints_pipeline.base.rolling import FloatArray
from fints_pipeline.labels._forward import forward_return, name
from fints_pipeline.labels._prices import trailing_volatility
from fints_pipeline.labels.base import Label, Labelled

BPS = 1e-4


class Direction(Label):
    """`direction_<horizon>`: −1 down, 0 flat, +1 up, as float64.

    The sign of r = ln(O_{t+1+h} / O_{t+1}) (see `forward_return`), and 0 while |r| is at most the
    dead band. The band is known at bar t's close:

    - `unit: bps`: `dead_band` × 1e−4;
    - `unit: volatility`: `dead_band` × √h × σ_t, where σ_t is the root mean square of the last
      `window` close-to-close log returns. A band of 0.43 would call a third of the bars flat if
      returns were normal with that σ.

    Interval and nulls are those of `forward_return`; in volatility units the first `window` rows
    are null as well. Within sessions the column is `direction_<horizon>_session`.
    Source: López de Prado, Advances in Financial Machine Learning (2018), 3.2–3.3.
    """

    UNIT = "class"

    dead_band: float = Field(default=0.43, ge=0, allow_inf_nan=False)
    unit: Literal["bps", "volatility"] = "volatility"
    window: int = Field(default=100, ge=1)
    within_session: bool = False

    @property
    def column(self) -> str:
        """Name of the label's column."""
        return name("direction", self.horizon, self.within_session)

    @property
    def lookback(self) -> int:
        """`window` bars in volatility units, else none."""
        return self.window if self.unit == "volatility" else 0

    @property
    def classes(self) -> Mapping[int, str]:
        """Down, flat and up."""
        return {-1: "down", 0: "flat", 1: "up"}

    def compute(self, bars: pd.DataFrame) -> Labelled:
        """Compute the direction."""
        value, end = forward_return(bars, self.horizon, self.within_session)
        band = self._band(bars)
        sign = np.where(np.abs(value) <= band, 0.0, np.sign(value))
        known = ~(np.isnan(value) | np.isnan(band))
        return Labelled(np.where(known, sign, np.nan), np.where(known, end, np.datetime64("NaT")))

    def _band(self, bars: pd.DataFrame) -> FloatArray:
        """Return half the width of the dead band in log return, as known at each bar's close."""
        if self.unit == "bps":
            return np.full(len(bars), self.dead_band * BPS)
        sigma = trailing_volatility(bars, self.window)
        return self.dead_band * math.sqrt(self.horizon) * sigma
