"""A cross-validated experiment as backtests: one of each path, as if it had walked forward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.evaluation.backtest import BacktestResult
from fints_pipeline.evaluation.metrics import return_metrics
from fints_pipeline.walkforward.crossvalidation import backtest_paths
from fints_pipeline.walkforward.folds import Fold

SHOWN = ("total_return", "sharpe", "max_drawdown")


@dataclass(frozen=True)
class HistoryPath:
    """What one path trades: predictions whose folds test one group each, in time order."""

    predictions: pd.DataFrame
    folds: tuple[Fold, ...]


def paths_of(predictions: pd.DataFrame, folds: Sequence[Fold]) -> list[HistoryPath]:
    """Take each path's predictions from the splits that it is made of.

    Args:
        predictions: rows of the predictions table, all splits.
        folds: every split of one cross-validation.

    Returns:
        Paths; a fold's key is the first session of the group that it tests on the path, and its
        validation rows are those of the split that it comes from.

    Raises:
        ConfigError: splits are missing.
    """
    by_split = {str(key): rows for key, rows in predictions.groupby("fold", sort=False)}
    paths = []
    for path in backtest_paths(folds):
        parts, own = [], []
        for split, group in path:
            rows = by_split[split.key]
            validation = (rows["span"] == "validation").to_numpy()
            tested = ~validation & group.mask(rows["session"].to_numpy())
            key = group.first.isoformat()
            parts.append(rows[validation | tested].assign(fold=key))
            own.append(Fold(key, split.train, split.validation, group))
        paths.append(HistoryPath(pd.concat(parts, ignore_index=True), tuple(own)))
    return paths


def path_metrics(results: Sequence[BacktestResult]) -> dict[str, Any]:
    """What every path came to, model by model, and how far they lie apart.

    Returns:
        By model: `paths`, one row each, and of the yearly Sharpe ratios `mean`, `deviation`
        (ddof 1), `lowest` and the share `below_zero`.
    """
    found: dict[str, Any] = {}
    for place, first in enumerate(results[0].runs):
        rows = [_metrics(result, place) for result in results]
        ratios = np.array([row["sharpe"] for row in rows])
        ratios = ratios[np.isfinite(ratios)]
        known = len(ratios) > 0
        found[first.model] = {
            "paths": rows,
            "mean": float(ratios.mean()) if known else np.nan,
            "deviation": float(ratios.std(ddof=1)) if len(ratios) > 1 else np.nan,
            "lowest": float(ratios.min()) if known else np.nan,
            "below_zero": float((ratios < 0).mean()) if known else np.nan,
        }
    return found


def _metrics(result: BacktestResult, place: int) -> Mapping[str, float]:
    net = result.returns(result.runs[place].net)
    metrics = return_metrics(net, result.config.sessions_per_year)
    return {name: metrics[name] for name in SHOWN}
