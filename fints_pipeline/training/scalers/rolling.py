"""Each value against its own recent past."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from pydantic import Field

from fints_pipeline.training.dataset import FloatArray, Stamps
from fints_pipeline.training.scalers.base import SpanScaler, finite_values

CELLS = 1 << 22
"""Numbers in the windows that are held in memory at once."""


class RollingScaler(SpanScaler):
    """(x − mean) / standard deviation of the last `window` rows, the row's own among them.

    Nothing is fitted but the choice of the columns, so what comes later moves nothing, and levels
    that drift stay centred. NaN in the first `window` − 1 rows and while a NaN is in the window; 0
    where the window is constant. It cannot be undone without its rows: not for a forecast's target.

    Attributes:
        window: rows, at least 2.
    """

    kind: Literal["rolling"] = "rolling"
    window: int = Field(ge=2)

    @classmethod
    def fit(
        cls,
        x_TF: FloatArray,
        close_time: Stamps,
        columns: tuple[str, ...],
        *,
        clip: float,
        window: int,
    ) -> Self:
        """Return a scaler that may be applied from the first of these rows on.

        Raises:
            SchemaError: a column holds no finite value in these rows.
        """
        finite_values(x_TF, columns)
        return cls(
            columns=columns,
            window=window,
            fitted_first=str(close_time[0]),
            fitted_last=str(close_time[-1]),
            clip=clip,
        )

    def _scaled(self, x_TF: FloatArray) -> FloatArray:
        out = np.full(x_TF.shape, np.nan)
        if len(x_TF) < self.window:
            return out
        windows_TFW = sliding_window_view(x_TF, self.window, axis=0)
        rows = max(1, CELLS // (x_TF.shape[1] * self.window))
        for first in range(0, len(windows_TFW), rows):
            part = windows_TFW[first : first + rows]
            spread = part.std(axis=-1, ddof=1)
            constant = part.max(axis=-1) == part.min(axis=-1)
            distance = part[..., -1] - part.mean(axis=-1)
            score = np.where(constant, 0.0, distance / np.where(spread > 0, spread, 1.0))
            stop = first + len(part) + self.window - 1
            out[first + self.window - 1 : stop] = score
        return out
