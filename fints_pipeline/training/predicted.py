"""One model's output for one series."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.training.dataset import FloatArray


@dataclass(frozen=True)
class Predicted:
    """One model's output for one series.

    Attributes:
        rows: (N,) places in the series.
        expected_return: (N,) log return over the label's interval, None for classifiers.
        quantiles: (N, Q) of that return at `outlook.LEVELS`, None without a distribution.
        probabilities: (N, 3) of down, flat, up, None for forecasters.
    """

    rows: NDArray[np.int64]
    expected_return: FloatArray | None = None
    quantiles: FloatArray | None = None
    probabilities: FloatArray | None = None
