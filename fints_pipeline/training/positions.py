"""Forecasts that are read as positions, as the Sharpe surrogate teaches them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from fints_pipeline.training.config.kinds import TargetModel
from fints_pipeline.training.dataset import FloatArray, Series
from fints_pipeline.training.outlook import Outlook
from fints_pipeline.training.scoring import correlation
from fints_pipeline.walkforward.folds import Fold


def trades_positions(model: TargetModel) -> bool:
    """Return whether the network's forecast is read as a position."""
    return model.loss is not None and model.loss.contiguous


def position_metrics(outlook: Outlook, actual_NH: FloatArray, steps: int) -> dict[str, float]:
    """Return how positions go with what came, over the next bar and the label's steps."""
    position = np.tanh(outlook.path_NH[:, 0])
    return {
        "mean_position": float(np.abs(position).mean()),
        "bar_correlation": correlation(position, actual_NH[:, 0]),
        "return_correlation": correlation(position, actual_NH[:, :steps].sum(axis=1)),
    }


def label_spread(fold: Fold, series: Sequence[Series], label: str) -> float:
    """Return the standard deviation of the label over the training span, 1 if it has none."""
    values = [one.labels[label].value[fold.train.mask(one.session)] for one in series]
    spread = float(np.nanstd(np.concatenate(values)))
    return spread if spread > 0 else 1.0
