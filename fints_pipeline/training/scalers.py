"""Standard scaling, fitted on a span and never applied before it."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import model_validator

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import LookAheadError, SchemaError
from fints_pipeline.training.dataset import FloatArray, Stamps


class StandardScaler(Config):
    """Takes each column's mean out and divides by its standard deviation.

    Attributes:
        columns: F column names.
        mean: F means; 0 for columns that are not centred.
        scale: F standard deviations (about zero for those columns); 1 where a column is constant.
        fitted_first: close time (UTC, ISO) of the first row that the scaler was fitted on.
        fitted_last: close time of the last one.
        clip: scaled values are limited to ± this.
    """

    columns: tuple[str, ...]
    mean: tuple[float, ...]
    scale: tuple[float, ...]
    fitted_first: str
    fitted_last: str
    clip: float

    @model_validator(mode="after")
    def _one_value_a_column(self) -> Self:
        if not len(self.columns) == len(self.mean) == len(self.scale):
            raise ValueError("a scaler needs one mean and one scale a column")
        return self

    @classmethod
    def fit(
        cls,
        x_TF: FloatArray,
        close_time: Stamps,
        columns: tuple[str, ...],
        *,
        clip: float,
        uncentred: tuple[str, ...] = (),
    ) -> Self:
        """Fit on rows (T, F); rows with a NaN in a column are left out of that column.

        Raises:
            SchemaError: a column holds no finite value in these rows.
        """
        for place, name in enumerate(columns):
            if not np.isfinite(x_TF[:, place]).any():
                raise SchemaError(f"feature {name!r} holds no value in the fitting span")
        finite = np.where(np.isfinite(x_TF), x_TF, np.nan)
        mean = np.nanmean(finite, axis=0)
        mean[[name in uncentred for name in columns]] = 0.0
        scale = np.sqrt(np.nanmean((finite - mean) ** 2, axis=0))
        scale[scale == 0] = 1.0
        return cls(
            columns=columns,
            mean=tuple(mean.tolist()),
            scale=tuple(scale.tolist()),
            fitted_first=str(close_time[0]),
            fitted_last=str(close_time[-1]),
            clip=clip,
        )

    def apply(self, x_TF: FloatArray, close_time: Stamps) -> FloatArray:
        """Return scaled and clipped rows (T, F); NaN stays NaN.

        Raises:
            LookAheadError: a row is older than the span that the scaler was fitted on.
        """
        first = np.datetime64(self.fitted_first)
        if len(close_time) and close_time.min() < first:
            raise LookAheadError(
                "a scaler would be applied before the span it was fitted on",
                where=f"row at {close_time.min()}, fitted from {first}",
                fix="scale from the fitting span's first bar on",
            )
        scaled: FloatArray = (x_TF - np.array(self.mean)) / np.array(self.scale)
        return np.clip(scaled, -self.clip, self.clip)

    def undo(self, y: FloatArray, column: str) -> FloatArray:
        """Return one column's scaled values in its own units."""
        place = self.columns.index(column)
        restored: FloatArray = y * self.scale[place] + self.mean[place]
        return restored
