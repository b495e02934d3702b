"""From what a model said to what one wants to hold: edge, threshold, signal in [-1, 1].

The threshold and the scale of a fold come from its validation span, never from its test span.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.base.errors import KeyNotFoundError, SchemaError, nearest
from fints_pipeline.evaluation.config import BacktestConfig, Threshold
from fints_pipeline.evaluation.distribution import LEVELS
from fints_pipeline.evaluation.errors import naive_error

FULL_SIGNAL_QUANTILE = 0.95
COLUMNS = (
    "fold", "instrument", "close_time", "session", "expected_return", "edge", "threshold",
    "signal", "kelly", "label", "p_up", "naive_error", *LEVELS,
)  # fmt: skip


def signals(predictions: pd.DataFrame, model: str, config: BacktestConfig) -> pd.DataFrame:
    """Signals of one model on its test spans.

    Causal: a row depends on its own prediction and on validation rows of its fold, all of which
    lie before the fold's test span.

    Args:
        predictions: rows of the predictions table, any folds, models and spans.
        model: the model to use.
        config: threshold and strength.

    Returns:
        One row a test prediction with `COLUMNS`, ordered by close_time; `edge` is p_up - p_down
        for a model that gives probabilities, otherwise the expected return over its standard
        deviation on the validation span; NaN where the model said nothing, with signal NaN. `kelly`
        is the position over equity that maximises the expected growth, signed; `naive_error` that
        of a naive forecast on the instrument's validation rows (`evaluation.errors`).

    Raises:
        KeyNotFoundError: the model has no predictions, or a fold has no validation rows.
    """
    rows = predictions[predictions["model"] == model]
    if rows.empty:
        raise KeyNotFoundError(
            f"no predictions of model {model!r}",
            fix=nearest(model, predictions["model"].unique()) or "materialise predictions first",
        )
    folds = [_fold_signals(fold, str(key), config) for key, fold in rows.groupby("fold", sort=True)]
    joined = pd.concat(folds, ignore_index=True)
    ordered = joined.sort_values(["close_time", "instrument"], ignore_index=True)
    if ordered.duplicated(["close_time", "instrument"]).any():
        raise SchemaError(
            f"two folds of {model!r} predict the same bar",
            where="test spans overlap",
            fix="rebuild the folds; their test spans must follow each other",
        )
    return ordered


def _fold_signals(rows: pd.DataFrame, key: str, config: BacktestConfig) -> pd.DataFrame:
    validation = rows[rows["span"] == "validation"]
    test = rows[rows["span"] == "test"]
    if validation.empty:
        raise KeyNotFoundError(
            f"fold {key} has no validation predictions to take a threshold from",
            fix="materialise the fold's predictions again",
        )
    seen = _edge(validation, validation)
    edge = _edge(test, validation)
    level = threshold_level(config.threshold, seen)
    signal = np.where(np.abs(edge) >= level, np.sign(edge), 0.0)
    if config.strength == "proportional":
        signal *= np.minimum(np.abs(edge) / _scale(seen), 1.0)
    return pd.DataFrame(
        {
            "fold": key,
            "instrument": test["instrument"].to_numpy(),
            "close_time": test["close_time"].array,
            "session": test["session"].to_numpy(),
            "expected_return": test["expected_return"].to_numpy(float),
            "edge": edge,
            "threshold": level,
            "signal": np.where(np.isnan(edge), np.nan, signal),
            "kelly": _kelly(test, validation),
            "label": test["label"].to_numpy(float),
            "p_up": test["p_up"].to_numpy(float),
            "naive_error": test["instrument"]
            .map(_naive_errors(validation, config.hold))
            .to_numpy(),
            **{name: test[name].to_numpy(float) for name in LEVELS},
        }
    )


def _naive_errors(validation: pd.DataFrame, lag: int) -> dict[str, float]:
    """The naive forecast's mean error by instrument; decisions `hold` apart do not overlap."""
    ordered = validation.sort_values("close_time")
    return {
        str(instrument): naive_error(rows["label"].to_numpy(float), lag)
        for instrument, rows in ordered.groupby("instrument")
    }


def threshold_level(threshold: Threshold, validation_edge: np.ndarray) -> float:
    """The smallest absolute edge that gives a position.

    Args:
        threshold: fixed, or a quantile of the absolute edge.
        validation_edge: (n,) edges on the fold's validation span.

    Returns:
        The level; infinite (never trade) when a quantile is wanted of nothing.
    """
    if threshold.fixed is not None:
        return threshold.fixed
    known = np.abs(validation_edge[np.isfinite(validation_edge)])
    return float(np.quantile(known, threshold.quantile or 0.0)) if known.size else np.inf


def _edge(rows: pd.DataFrame, validation: pd.DataFrame) -> np.ndarray:
    """(n,) edge of `rows`, scaled by what the validation span showed."""
    if validation["p_up"].notna().any():
        return (rows["p_up"] - rows["p_down"]).to_numpy(float)
    spread = float(validation["expected_return"].std(ddof=0))
    if not spread > 0:
        # A constant forecast ranks nothing: no edge rather than an infinite one.
        return np.where(rows["expected_return"].notna(), 0.0, np.nan)
    return rows["expected_return"].to_numpy(float) / spread


def _kelly(rows: pd.DataFrame, validation: pd.DataFrame) -> np.ndarray:
    """(n,) full Kelly positions; NaN where the validation span cannot tell gains and losses.

    With probabilities, a bet that gains w with p and loses l with q, p + q = 1 given that it moves:
    the growth p log(1 + f w) + q log(1 - f l) is greatest at f = p / l - q / w. Otherwise the
    continuous rule, f = μ / σ². Source: Kelly (1956), A New Interpretation of Information Rate;
    Thorp (2006), The Kelly Criterion in Blackjack, Sports Betting and the Stock Market.
    """
    label = validation["label"].to_numpy(float)
    if not validation["p_up"].notna().any():
        variance = np.nanvar(label) if np.isfinite(label).any() else 0.0
        scale = 1 / variance if variance > 0 else np.nan
        return np.asarray(rows["expected_return"].to_numpy(float) * scale)
    gains, losses = label[label > 0], -label[label < 0]
    if not gains.size or not losses.size:
        return np.full(len(rows), np.nan)
    up, down = rows["p_up"].to_numpy(float), rows["p_down"].to_numpy(float)
    with np.errstate(invalid="ignore"):
        p = up / (up + down)
    return np.asarray(p / losses.mean() - (1 - p) / gains.mean())


def _scale(validation_edge: np.ndarray) -> float:
    known = np.abs(validation_edge[np.isfinite(validation_edge)])
    scale = float(np.quantile(known, FULL_SIGNAL_QUANTILE)) if known.size else 0.0
    return scale if scale > 0 else np.inf
