"""Mean and standard deviation."""

from __future__ import annotations

from typing import Literal

import numpy as np

from fints_pipeline.training.dataset import BoolArray, FloatArray
from fints_pipeline.training.scalers.affine import AffineScaler


class StandardScaler(AffineScaler):
    """Takes each column's mean out and divides by its standard deviation.

    What has far tails is stretched by them: a few large values set the scale.
    """

    kind: Literal["standard"] = "standard"

    @staticmethod
    def _moments(x_TF: FloatArray, uncentred: BoolArray) -> tuple[FloatArray, FloatArray]:
        mean = np.where(uncentred, 0.0, np.nanmean(x_TF, axis=0))
        return mean, np.sqrt(np.nanmean((x_TF - mean) ** 2, axis=0))
