"""How good forecast distributions were: pinball loss, CRPS, coverage and reliability."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEVELS = {f"q{level:02d}": level / 100 for level in (5, 10, 25, 50, 75, 90, 95)}
"""Quantile columns of the predictions table, and the share of returns that each says lie below."""
INTERVALS = (("q05", "q95"), ("q10", "q90"), ("q25", "q75"))
BINS = 10


def distribution_metrics(signals: pd.DataFrame) -> dict[str, float]:
    """Scores of the quantile columns, over the rows where all that the model gives are known.

    - `pinball`: mean of the pinball losses of the levels, (τ - 1{y < q}) (y - q).
    - `crps`: twice the pinball loss integrated over τ, each level standing for the part of (0, 1)
      that is nearest to it. A distribution of k quantiles has no exact CRPS; with k → ∞ this is it.
    - `coverage_90`, `coverage_80`, `coverage_50`: share of returns within the interval of that
      nominal share, ends included.

    Args:
        signals: rows of `evaluation.signals.signals`.

    Returns:
        Scores by name; nothing for a model without quantiles.

    Source: Gneiting and Raftery (2007), Strictly Proper Scoring Rules; Koenker and Bassett (1978).
    """
    names, quantile, label = _known(signals)
    if not names or not len(label):
        return {}
    level = np.array([LEVELS[name] for name in names])
    loss = pinball(label, quantile, level)
    scores = {
        "quantile_rows": len(label),
        "pinball": float(loss.mean()),
        "crps": float(2 * (loss.mean(axis=0) @ _widths(level))),
    }
    for low, high in INTERVALS:
        if low in names and high in names:
            inside = (label >= quantile[:, names.index(low)]) & (
                label <= quantile[:, names.index(high)]
            )
            share = round(100 * (LEVELS[high] - LEVELS[low]))
            scores[f"coverage_{share}"] = float(inside.mean())
    return scores


def pinball(label: Floats, quantile: Floats, level: Floats) -> Floats:
    """(N, Q) pinball loss of quantiles (N, Q) at levels (Q,) against labels (N,)."""
    excess = label[:, None] - quantile
    loss: Floats = np.maximum(level * excess, (level - 1) * excess)
    return loss


def quantile_reliability(signals: pd.DataFrame) -> list[dict[str, Any]]:
    """What share of returns lay at or below each forecast quantile, beside what it said.

    Returns:
        One row a level: `level`, `observed`, `rows`; none for a model without quantiles.
    """
    names, quantile, label = _known(signals)
    return [
        {
            "level": LEVELS[name],
            "observed": float((label <= quantile[:, place]).mean()),
            "rows": len(label),
        }
        for place, name in enumerate(names if len(label) else ())
    ]


def quantile_histogram(signals: pd.DataFrame) -> list[dict[str, Any]]:
    """Where returns fell between the forecast quantiles: the PIT's histogram, as far as k tell it.

    Of a calibrated forecast each part holds as much as its levels say. More at the ends says too
    narrow, less too wide, more on one side that it leans to the other.

    Returns:
        One row a part from the lowest to the highest: `low` and `high` level, `expected` and
        `observed` share, `rows` of all; none for a model without quantiles.

    Source: Dawid (1984); Gneiting, Balabdaoui and Raftery (2007).
    """
    names, quantile, label = _known(signals)
    if not names or not len(label):
        return []
    edges = [0.0, *(LEVELS[name] for name in names), 1.0]
    place = (label[:, None] > quantile).sum(axis=1)
    share = np.bincount(place, minlength=len(edges) - 1) / len(label)
    return [
        {
            "low": low, "high": high, "expected": high - low, "observed": float(observed),
            "rows": len(label),
        }
        for low, high, observed in zip(edges[:-1], edges[1:], share, strict=True)
    ]  # fmt: skip


def probability_metrics(signals: pd.DataFrame) -> dict[str, float]:
    """`brier`: mean squared error of p_up against rises; `brier_base` that of their base rate.

    `calibration_error` is the expected one: the mean gap between what the bins of
    `probability_reliability` said and what came, weighted by their rows. A return of zero is no
    rise. Nothing for a model without probabilities.

    Source: Brier (1950); Naeini, Cooper and Hauskrecht (2015).
    """
    said, rose = _rises(signals)
    if not len(said):
        return {}
    bins = probability_reliability(signals)
    gap = sum(row["rows"] * abs(row["said"] - row["observed"]) for row in bins)
    return {
        "brier": float(np.mean((said - rose) ** 2)),
        "brier_base": float(np.mean((rose.mean() - rose) ** 2)),
        "calibration_error": gap / len(said),
    }


def probability_reliability(signals: pd.DataFrame, bins: int = BINS) -> list[dict[str, Any]]:
    """How often the price rose, by what p_up had said; bins of equal width.

    Returns:
        One row a bin that holds something: `said` (mean p_up), `observed`, `rows`.
    """
    said, rose = _rises(signals)
    place = np.minimum((said * bins).astype(int), bins - 1)
    return [
        {
            "said": float(said[place == one].mean()),
            "observed": float(rose[place == one].mean()),
            "rows": int((place == one).sum()),
        }
        for one in np.unique(place)
    ]


def _known(signals: pd.DataFrame) -> tuple[list[str], Floats, Floats]:
    names = [name for name in LEVELS if signals[name].notna().any()]
    rows = signals[["label", *names]].dropna()
    return names, rows[names].to_numpy(float), rows["label"].to_numpy(float)


def _rises(signals: pd.DataFrame) -> tuple[Floats, Floats]:
    rows = signals[["p_up", "label"]].dropna()
    rose = np.asarray(rows["label"] > 0, dtype=np.float64)
    return rows["p_up"].to_numpy(float), rose


def _widths(level: Floats) -> Floats:
    """(Q,) length of the part of (0, 1) that is nearest to each level."""
    edges = np.concatenate([[0.0], (level[1:] + level[:-1]) / 2, [1.0]])
    return np.diff(edges)
