"""Which side traded, guessed from the bars: three proxies of the signed volume."""

from __future__ import annotations

import math

import numpy as np
from numba import njit
from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, ratio, rolling_std, rolling_sum
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class VolumeImbalance(Feature):
    """Bought less sold volume as a share of all volume over the last `window` bars = w.

    Bars do not say who traded; each column guesses the bought share b of a bar's volume V, and is
    Σ V (2b − 1) / Σ V, in [−1, 1], no unit, positive where buyers pressed:

    - `bulk_imbalance_<w>`: bulk volume classification, b = Φ(ΔC / σ) with ΔC = C_t − C_{t−1}, Φ the
      normal distribution function and σ the sample standard deviation of the last w ΔC, bar t's
      among them; ½ where σ is 0;
    - `tick_rule_imbalance_<w>`: b = 1 if the last ΔC that was not 0 was positive, 0 if negative; ½
      if none of the last w was other than 0;
    - `close_location_imbalance_<w>`: b = (C − L) / (H − L), ½ for a bar without range.

    All are 0 where nothing traded in w bars, NaN while a bar without volume is among them, so
    everywhere if the source has none. V is volume ÷ `split_factor`.

    Causal: row t uses bars t − 2w + 1 … t. Warm-up: NaN in the first 2w − 1 rows of the first
    column, in up to as many of the second, in the first w − 1 of the third.
    Source: Easley, López de Prado and O'Hara, Bulk Classification of Trading Activity (2012); Lee
    and Ready, Inferring Trade Direction from Intraday Data (1991), for the tick rule; Chaikin's
    money flow for the third.
    """

    UNITS = ("share of the volume",)

    window: int = Field(default=50, ge=2)

    @property
    def lookback(self) -> int:
        """2 × `window` − 1 bars."""
        return 2 * self.window - 1

    @property
    def columns(self) -> tuple[str, ...]:
        """Bulk, tick rule, close location."""
        kinds = ("bulk", "tick_rule", "close_location")
        return tuple(f"{kind}_imbalance_{self.window}" for kind in kinds)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the three proxies."""
        change = bars.close - bars.previous_close
        move = ratio(change, rolling_std(change, self.window), 0.0)
        size = bars.high - bars.low
        signs = (
            _signed_normal(move),
            _last_sign(change, self.window),
            ratio((bars.close - bars.low) - (bars.high - bars.close), size, 0.0),
        )
        traded = rolling_sum(bars.volume, self.window)
        return {
            name: ratio(rolling_sum(bars.volume * sign, self.window), traded, 0.0)
            for name, sign in zip(self.columns, signs, strict=True)
        }


@njit(cache=True)
def _signed_normal(values: FloatArray) -> FloatArray:
    """Return 2Φ(x) − 1, one value at a time."""
    out = np.empty(values.size)
    for t in range(values.size):
        out[t] = math.erf(values[t] / math.sqrt(2.0))
    return out


@njit(cache=True)
def _last_sign(change: FloatArray, window: int) -> FloatArray:
    """Return the sign of the last of `window` changes that is not 0, and 0 if all are."""
    out = np.zeros(change.size)
    sign = 0.0
    age = 0
    for t in range(change.size):
        age += 1
        if change[t] != 0.0:
            # A NaN, where nothing comes before, is passed on.
            sign = np.sign(change[t])
            age = 0
        if age < window:
            out[t] = sign
    return out
