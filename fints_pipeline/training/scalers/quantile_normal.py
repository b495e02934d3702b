"""Ranks turned into normal scores."""

from __future__ import annotations

from statistics import NormalDist
from typing import Literal, Self

import numpy as np
from pydantic import Field

from fints_pipeline.training.dataset import FloatArray, Stamps
from fints_pipeline.training.scalers.base import SpanScaler, finite_values, named

LEVELS = 201


class QuantileNormalScaler(SpanScaler):
    """Gives each value the normal score of its rank in the fitting span.

    A column's quantiles at `LEVELS` even levels are mapped to those of the standard normal
    distribution (the outermost to levels half a step inside), with straight lines between them.
    Whatever the column's shape, most of the fitting span comes out normal. Values beyond the span's
    range come out as its ends. A value that many rows share gets the middle of its ranks. An
    uncentred column is fitted on its values and their negatives, so that 0 stays 0 and signs stay.

    Attributes:
        quantiles: F × `LEVELS`, ascending.
    """

    kind: Literal["quantile_normal"] = "quantile_normal"
    quantiles: tuple[tuple[float, ...], ...] = Field(min_length=1)

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

        Args: as those of `AffineScaler.fit`.

        Raises:
            SchemaError: a column holds no finite value in these rows.
        """
        finite = finite_values(x_TF, columns)
        quantiles = []
        for values, symmetric in zip(finite.T, named(columns, uncentred), strict=True):
            seen = np.r_[values, -values] if symmetric else values
            quantiles.append(tuple(np.nanquantile(seen, _levels()).tolist()))
        return cls(
            columns=columns,
            quantiles=tuple(quantiles),
            fitted_first=str(close_time[0]),
            fitted_last=str(close_time[-1]),
            clip=clip,
        )

    def undo(self, y: FloatArray, column: str) -> FloatArray:
        """Return one column's scaled values in its own units, within the fitting span's range."""
        quantiles = self.quantiles[self.columns.index(column)]
        return np.interp(y, _scores(), quantiles)

    def _scaled(self, x_TF: FloatArray) -> FloatArray:
        scores = _scores()
        out = np.empty_like(x_TF)
        for place, quantiles in enumerate(np.array(self.quantiles)):
            # Among equal quantiles one direction finds the first score and the other the last.
            rising = np.interp(x_TF[:, place], quantiles, scores)
            falling = -np.interp(-x_TF[:, place], -quantiles[::-1], -scores[::-1])
            out[:, place] = (rising + falling) / 2
        return out


def _levels() -> FloatArray:
    return np.linspace(0.0, 1.0, LEVELS)


def _scores() -> FloatArray:
    inside = np.clip(_levels(), 0.5 / (LEVELS - 1), 1.0 - 0.5 / (LEVELS - 1))
    scores = np.array([NormalDist().inv_cdf(level) for level in inside.tolist()])
    # Symmetric to the last bit, so that the middle is 0.
    symmetric: FloatArray = (scores - scores[::-1]) / 2
    return symmetric
