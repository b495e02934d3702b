"""Losses, one a file; a config names them by their file's name.

`ForecastLoss` compares forecasts with what came, `ClassLoss` class scores with classes. Importing
them is light: torch is imported when one is computed.
"""

from fints_pipeline.training.losses._base import ClassLoss, ForecastLoss, Loss

PACKAGE = "fints_pipeline.training.losses"

__all__ = ["PACKAGE", "ClassLoss", "ForecastLoss", "Loss"]
