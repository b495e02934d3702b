"""How far a span's values have moved from those a model was trained on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

BINS = 10
MODERATE, LARGE = 0.1, 0.25
"""Customary readings of the population stability index: below the first little has moved, above the
second a lot has."""
_LEAST_SHARE = 1e-4


def stability_index(
    before: npt.NDArray[np.float64], now: npt.NDArray[np.float64], bins: int = BINS
) -> float:
    """Return the population stability index of numbers, over the deciles of ``before``.

    Σ (q − p) ln(q / p) over the bins, p and q the shares of before and now; an empty bin counts as
    one in ten thousand. Missing values are a bin of their own. 0 for equal shares.

    Args:
        before: Values of the training span, at least one.
        now: Values of the later span, at least one.
        bins: How many bins the known values of ``before`` are cut into.

    Source: Siddiqi, Credit Risk Scorecards (2006), population stability.
    """
    known = before[np.isfinite(before)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1]) if len(known) else [])
    count = len(edges) + 2

    def shares(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        place = np.searchsorted(edges, values, side="right")
        place[~np.isfinite(values)] = count - 1
        return np.bincount(place, minlength=count) / len(values)

    return _index(shares(before), shares(now))


def category_index(before: npt.NDArray[np.int64], now: npt.NDArray[np.int64]) -> float:
    """Return the population stability index of categories, each a bin."""
    count = int(max(before.max(), now.max())) + 1
    shares = (np.bincount(values, minlength=count) / len(values) for values in (before, now))
    return _index(*shares)


def _index(before: npt.NDArray[np.float64], now: npt.NDArray[np.float64]) -> float:
    occurs = (before > 0) | (now > 0)
    p, q = (np.maximum(shares[occurs], _LEAST_SHARE) for shares in (before, now))
    return float(np.sum((q - p) * np.log(q / p)))
