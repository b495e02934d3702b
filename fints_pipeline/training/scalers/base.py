"""What a scaler is: fitted on one span, applied from its first bar on."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import LookAheadError, SchemaError
from fints_pipeline.training.dataset import BoolArray, FloatArray, Stamps


class SpanScaler(Config):
    """Brings feature columns to a common scale with what one span of rows told.

    It is a config, so that it is saved as JSON beside the model that was trained on its output.

    Attributes:
        columns: F column names.
        fitted_first: close time (UTC, ISO) of the first row that the scaler was fitted on.
        fitted_last: close time of the last one.
        clip: scaled values are limited to ± this.
        both_ways: it may be applied to older rows too, as cross-validation has to.
    """

    columns: tuple[str, ...]
    fitted_first: str
    fitted_last: str
    clip: float
    both_ways: bool = False

    def apply(self, x_TF: FloatArray, close_time: Stamps) -> FloatArray:
        """Return scaled and clipped rows (T, F); NaN stays NaN.

        Raises:
            LookAheadError: a row is older than the span that the scaler was fitted on, and the
                scaler does not go both ways.
        """
        first = np.datetime64(self.fitted_first)
        if len(close_time) and close_time.min() < first and not self.both_ways:
            raise LookAheadError(
                "a scaler would be applied before the span it was fitted on",
                where=f"row at {close_time.min()}, fitted from {first}",
                fix="scale from the fitting span's first bar on",
            )
        return np.clip(self._scaled(x_TF), -self.clip, self.clip)

    @abstractmethod
    def _scaled(self, x_TF: FloatArray) -> FloatArray:
        """Return scaled rows (T, F), not yet clipped."""


def finite_values(x_TF: FloatArray, columns: tuple[str, ...]) -> FloatArray:
    """Return rows (T, F) with NaN for whatever is not finite.

    Raises:
        SchemaError: a column holds no finite value.
    """
    for place, name in enumerate(columns):
        if not np.isfinite(x_TF[:, place]).any():
            raise SchemaError(f"feature {name!r} holds no value in the fitting span")
    return np.where(np.isfinite(x_TF), x_TF, np.nan)


def named(columns: tuple[str, ...], names: tuple[str, ...]) -> BoolArray:
    """Return (F,) whether each column is among `names`."""
    return np.array([column in names for column in columns], dtype=np.bool_)
