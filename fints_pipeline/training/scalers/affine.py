"""Scalers that take a number out of a column and divide by another."""

from __future__ import annotations

from abc import abstractmethod
from typing import Self

import numpy as np
from pydantic import model_validator

from fints_pipeline.training.dataset import BoolArray, FloatArray, Stamps
from fints_pipeline.training.scalers.base import SpanScaler, finite_values, named


class AffineScaler(SpanScaler):
    """(x − mean) / scale, column by column.

    Attributes:
        mean: F centres; 0 for columns that are not centred.
        scale: F spreads (about zero for those columns); 1 where a column is constant.
    """

    mean: tuple[float, ...]
    scale: tuple[float, ...]

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

        Args:
            x_TF: rows of the fitting span.
            close_time: (T,) of the rows, ascending.
            columns: F names.
            clip: limit of the scaled values.
            uncentred: columns of which 0 stays 0, such as a return whose sign is to be kept.

        Raises:
            SchemaError: a column holds no finite value in these rows.
        """
        mean, scale = cls._moments(finite_values(x_TF, columns), named(columns, uncentred))
        scale[scale == 0] = 1.0
        return cls(
            columns=columns,
            mean=tuple(mean.tolist()),
            scale=tuple(scale.tolist()),
            fitted_first=str(close_time[0]),
            fitted_last=str(close_time[-1]),
            clip=clip,
        )

    def undo(self, y: FloatArray, column: str) -> FloatArray:
        """Return one column's scaled values in its own units."""
        place = self.columns.index(column)
        restored: FloatArray = y * self.scale[place] + self.mean[place]
        return restored

    @staticmethod
    @abstractmethod
    def _moments(x_TF: FloatArray, uncentred: BoolArray) -> tuple[FloatArray, FloatArray]:
        """Return centres (F,), 0 where uncentred, and spreads (F,) about them."""

    def _scaled(self, x_TF: FloatArray) -> FloatArray:
        scaled: FloatArray = (x_TF - np.array(self.mean)) / np.array(self.scale)
        return scaled
