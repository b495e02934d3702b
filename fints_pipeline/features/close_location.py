"""Where the close lies in its bar and in the range of the last bars."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from fints_pipeline.base.rolling import FloatArray, ratio, rolling_max, rolling_min
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.base import Feature


class CloseLocation(Feature):
    """Relative position of the close, 0 at the low and 1 at the high.

    Columns (no unit, in [0, 1]):

    - `close_location` = (C_t − L_t) / (H_t − L_t);
    - `close_location_<window>` for each of `windows` = (C_t − L) / (H − L), where H and L are the
      highest high and the lowest low of bars t − window + 1 … t (the Donchian channel with bar t
      in it).

    0.5 where there is no range. Causal: row t uses no more than bars t − max(windows) + 1 … t.
    Warm-up: none for the first column, NaN in the first `window` − 1 rows of the others.
    Source: Donchian's channel, with the close's position as in Lane's stochastic %K (1984).
    """

    UNITS = ("share of the range",)

    windows: tuple[Annotated[int, Field(ge=1)], ...] = (20,)

    @property
    def lookback(self) -> int:
        """The longest window less bar t itself."""
        return max(self.windows, default=1) - 1

    @property
    def columns(self) -> tuple[str, ...]:
        """Location in the bar, then in each channel."""
        return ("close_location", *(f"close_location_{window}" for window in self.windows))

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Compute the locations."""
        high, low, close = bars.high, bars.low, bars.close
        columns = {"close_location": ratio(close - low, high - low, 0.5)}
        for window in self.windows:
            bottom = rolling_min(low, window)
            span = rolling_max(high, window) - bottom
            columns[f"close_location_{window}"] = ratio(close - bottom, span, 0.5)
        return columns
