"""How good the forecasts were, before any money is involved."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from fints_pipeline.evaluation.distribution import distribution_metrics, probability_metrics
from fints_pipeline.evaluation.errors import error_metrics

Floats = NDArray[np.float64]
BINS = 10


def forecast_metrics(signals: pd.DataFrame) -> dict[str, float]:
    """Scores of the edge against the realised return, over rows where both are known.

    `directional_accuracy` counts sign(edge) = sign(return) where both are non-zero; `base_rate` is
    what always saying the commoner sign would have scored. `precision_up` is the share of up calls
    (edge beyond the threshold) that rose, `recall_up` the share of rises that were called; down
    likewise, and `f1_up` is their harmonic mean. `ic` is Pearson's, `rank_ic` Spearman's
    correlation of edge and return; `icir` is the mean over the standard deviation of each session's
    own rank IC, over sessions of three rows or more. Errors of expected returns
    (`evaluation.errors`), of quantiles and of probabilities (`evaluation.distribution`) follow
    where the model gives them.

    Args:
        signals: rows of `evaluation.signals.signals`.

    Returns:
        Scores by name; NaN where there is nothing to score.
    """
    edge = signals["edge"].to_numpy(float)
    label = signals["label"].to_numpy(float)
    known = np.isfinite(edge) & np.isfinite(label)
    edge, label = edge[known], label[known]
    called = np.abs(edge) >= signals["threshold"].to_numpy(float)[known]
    moved = (edge != 0) & (label != 0)
    right = np.sign(edge[moved]) == np.sign(label[moved])
    up, down = called & (edge > 0), called & (edge < 0)
    scores = {
        "rows": len(edge),
        "directional_accuracy": _share(right),
        "base_rate": max(_share(label[moved] > 0), _share(label[moved] < 0)),
        "precision_up": _share(label[up] > 0),
        "recall_up": _share(up[label > 0]),
        "precision_down": _share(label[down] < 0),
        "recall_down": _share(down[label < 0]),
        "ic": _correlation(edge, label),
        "rank_ic": _correlation(_ranks(edge), _ranks(label)),
    }
    for side in ("up", "down"):
        scores[f"f1_{side}"] = f1(scores[f"precision_{side}"], scores[f"recall_{side}"])
    scores["icir"] = information_ratio(edge, label, signals["session"].to_numpy()[known])
    return {
        **scores,
        **error_metrics(signals),
        **distribution_metrics(signals),
        **probability_metrics(signals),
    }


def f1(precision: float, recall: float) -> float:
    """Harmonic mean of precision and recall; 0 where both are 0, NaN where one is unknown."""
    total = precision + recall
    return 2 * precision * recall / total if total > 0 else total


def information_ratio(edge: Floats, label: Floats, session: NDArray[np.datetime64]) -> float:
    """Mean over standard deviation (ddof 1) of each session's rank IC; NaN below two of them.

    Source: Grinold and Kahn, Active Portfolio Management (2000), chapter 6.
    """
    order = np.argsort(session, kind="stable")
    starts = np.flatnonzero(np.diff(session[order], prepend=np.datetime64("NaT")) != 0)
    own = np.split(order, starts[1:]) if len(order) else []
    each = np.array([_correlation(_ranks(edge[rows]), _ranks(label[rows])) for rows in own])
    each = each[np.isfinite(each)] if each.size else each
    spread = float(each.std(ddof=1)) if len(each) > 1 else 0.0
    return float(each.mean()) / spread if spread > 0 else float("nan")


def calibration(signals: pd.DataFrame, bins: int = BINS) -> pd.DataFrame:
    """Realised return and share of rises by decile of the edge.

    Returns:
        One row a bin of equally many rows: `edge` (mean), `mean_return` (log) and its standard
        error `mean_return_se`, `share_up`, `rows`. Labels that overlap in time make the standard
        error too small.
    """
    rows = signals[["edge", "label"]].dropna()
    if rows["edge"].nunique() < 2:
        return pd.DataFrame(columns=["edge", "mean_return", "mean_return_se", "share_up", "rows"])
    decile = pd.qcut(rows["edge"], bins, labels=False, duplicates="drop")
    groups = rows.groupby(decile)
    deviation = groups["label"].std(ddof=1)
    return pd.DataFrame(
        {
            "edge": groups["edge"].mean(),
            "mean_return": groups["label"].mean(),
            "mean_return_se": deviation / np.sqrt(groups.size()),
            "share_up": groups["label"].agg(lambda label: float((label > 0).mean())),
            "rows": groups.size(),
        }
    ).reset_index(drop=True)


def _share(hits: NDArray[np.bool_]) -> float:
    return float(hits.mean()) if hits.size else float("nan")


def _correlation(first: Floats, second: Floats) -> float:
    if len(first) < 3 or np.ptp(first) == 0 or np.ptp(second) == 0:
        return float("nan")
    return float(np.corrcoef(first, second)[0, 1])


def _ranks(values: Floats) -> Floats:
    return np.asarray(rankdata(values), dtype=np.float64)
