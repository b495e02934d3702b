"""Scores of validation predictions, for the training record; the backtest has its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.training.dataset import FloatArray
from fints_pipeline.training.outlook import LEVELS

_TINY = 1e-12


def log_likelihood(p_NK: FloatArray, classes: NDArray[np.int64]) -> float:
    """Return the mean negative log probability (nats) of the true classes."""
    taken = p_NK[np.arange(len(classes)), classes]
    return float(-np.log(np.maximum(taken, _TINY)).mean())


def class_scores(p_NK: FloatArray, classes: NDArray[np.int64]) -> dict[str, float]:
    """Return log loss, accuracy, and how the expected class goes with the true one.

    Classes are in the order of the label's values, so that their numbers can be correlated; for
    down, flat and up the expected class is p_up − p_down but for a constant.
    """
    expected = p_NK @ np.arange(p_NK.shape[1], dtype=np.float64)
    return {
        "log_loss": log_likelihood(p_NK, classes),
        "accuracy": float((p_NK.argmax(axis=1) == classes).mean()),
        "class_correlation": correlation(expected, classes.astype(np.float64)),
    }


def class_metrics(
    p_NK: FloatArray, train: NDArray[np.int64], validation: NDArray[np.int64]
) -> dict[str, float]:
    """Return scores of the validation span beside those of the training span's frequencies."""
    count = p_NK.shape[1]
    prior = (np.bincount(train, minlength=count) + 1.0) / (len(train) + count)
    return {
        **class_scores(p_NK, validation),
        "prior_log_loss": log_likelihood(np.tile(prior, (len(validation), 1)), validation),
    }


def correlation(a: FloatArray, b: FloatArray) -> float:
    """Return Pearson's correlation, 0 where either does not vary or there are under 3 pairs."""
    if len(a) < 3 or a.std() < _TINY or b.std() < _TINY:
        return 0.0
    return float(np.corrcoef(a, b)[0, 1])


def quantile_scores(quantile_NQ: FloatArray, actual_N: FloatArray) -> dict[str, float]:
    """Return the pinball loss over the known levels, and how often 5 to 95 % held what came."""
    levels = np.array(LEVELS)
    known = np.asarray(np.isfinite(quantile_NQ).all(axis=0))
    error_NQ = actual_N[:, None] - quantile_NQ[:, known]
    q = levels[known]
    scores = {"pinball": float(np.maximum(q * error_NQ, (q - 1) * error_NQ).mean())}
    if np.isfinite(quantile_NQ[:, [0, -1]]).all():
        inside = (quantile_NQ[:, 0] <= actual_N) & (actual_N <= quantile_NQ[:, -1])
        scores["coverage_90"] = float(inside.mean())
    return scores
