"""Median and interquartile range."""

from __future__ import annotations

from statistics import NormalDist
from typing import Literal

import numpy as np

from fints_pipeline.training.dataset import BoolArray, FloatArray
from fints_pipeline.training.scalers.affine import AffineScaler

QUARTILE = NormalDist().inv_cdf(0.75)
"""Upper quartile of the standard normal distribution, 0.674…."""


class RobustScaler(AffineScaler):
    """Takes each column's median out and divides by its interquartile range / 1.349.

    For normal values that is the standard deviation, and outliers do not move it. An uncentred
    column is divided by its median absolute value / 0.674. Where more than half of the values
    agree, so that this spread is 0, the standard deviation takes its place.
    """

    kind: Literal["robust"] = "robust"

    @staticmethod
    def _moments(x_TF: FloatArray, uncentred: BoolArray) -> tuple[FloatArray, FloatArray]:
        median = np.where(uncentred, 0.0, np.nanmedian(x_TF, axis=0))
        low, high = np.nanquantile(x_TF, [0.25, 0.75], axis=0)
        about_zero = np.nanmedian(np.abs(x_TF), axis=0)
        spread = np.where(uncentred, about_zero, (high - low) / 2) / QUARTILE
        deviation = np.sqrt(np.nanmean((x_TF - median) ** 2, axis=0))
        return median, np.where(spread > 0, spread, deviation)
