"""Scalers: one a file, each fitted on a fold's training span and never applied before it."""

from collections.abc import Mapping

from fints_pipeline.training.scalers.base import SpanScaler
from fints_pipeline.training.scalers.quantile_normal import QuantileNormalScaler
from fints_pipeline.training.scalers.robust import RobustScaler
from fints_pipeline.training.scalers.rolling import RollingScaler
from fints_pipeline.training.scalers.standard import StandardScaler

Scaler = StandardScaler | RobustScaler | QuantileNormalScaler
"""The scalers that can be undone, so that a forecast can be read in the target's own units."""

SCALERS: Mapping[str, type[Scaler]] = {
    "standard": StandardScaler,
    "robust": RobustScaler,
    "quantile_normal": QuantileNormalScaler,
}

__all__ = [
    "SCALERS",
    "QuantileNormalScaler",
    "RobustScaler",
    "RollingScaler",
    "Scaler",
    "SpanScaler",
    "StandardScaler",
]
