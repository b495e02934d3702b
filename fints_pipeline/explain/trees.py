"""TreeSHAP of gradient-boosted trees, as LightGBM computes it itself.

Source: Lundberg et al., From Local Explanations to Global Understanding with Explainable AI for
Trees (2020): exact Shapley values, where an absent input is averaged over the samples that the
trees were grown on (path-dependent).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.explain.gradients import Attributed
from fints_pipeline.models.lightgbm import Estimator

TOLERANCE = 1e-6
"""LightGBM's sums are exact up to rounding."""


def tree_shap(estimator: Estimator, x: NDArray[np.floating], side: tuple[int, int]) -> Attributed:
    """Attribute what trees say of rows to their inputs.

    Args:
        estimator: trees of a mean, of classes, or of quantiles (of which the middle is read).
        x: (N, F) inputs.
        side: classes whose raw scores (log odds) are subtracted, first less second; not looked at
            without classes.

    Returns:
        values (N, F); `change` is the raw score less its expectation.
    """
    booster = estimator.boosters[len(estimator.boosters) // 2]
    raw = np.asarray(booster.predict(x, raw_score=True), dtype=np.float64)
    parts = np.asarray(booster.predict(x, pred_contrib=True), dtype=np.float64)
    if estimator.config.objective == "classification":
        first, second = side
        by_class = parts.reshape(len(x), raw.shape[1], -1)
        parts = by_class[:, first] - by_class[:, second]
        raw = raw[:, first] - raw[:, second]
    return Attributed(parts[:, :-1], raw - parts[:, -1], raw, 1)
