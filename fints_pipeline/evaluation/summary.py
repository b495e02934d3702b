"""A backtest's numbers in one nested dictionary: what metrics.json holds and the report shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.evaluation import statistics as inference
from fints_pipeline.evaluation.backtest import BacktestResult, ModelRun
from fints_pipeline.evaluation.capacity import capital_at
from fints_pipeline.evaluation.comparison import compare_models
from fints_pipeline.evaluation.distribution import (
    probability_reliability,
    quantile_histogram,
    quantile_reliability,
)
from fints_pipeline.evaluation.forecast import calibration, forecast_metrics
from fints_pipeline.evaluation.metrics import return_metrics, sharpe, trading_metrics
from fints_pipeline.evaluation.overfitting import overfitting
from fints_pipeline.evaluation.trials import Trial
from fints_pipeline.evaluation.verdict import Leg, Verdict, verdict
from fints_pipeline.walkforward.folds import Fold

INTERVAL = 0.95


def trial_returns(result: BacktestResult, tried: Sequence[Trial]) -> dict[str, pd.Series]:
    """Net session returns by the key of each model's trial."""
    return {
        trial.key: result.returns(run.net) for trial, run in zip(tried, result.runs, strict=True)
    }


def trials_of(result: BacktestResult, trained: Mapping[str, str]) -> tuple[Trial, ...]:
    """One trial a model of the run, to be recorded before the verdict counts them.

    Args:
        result: the backtest.
        trained: fingerprint of the experiment config that each model was trained with.
    """
    return tuple(
        Trial(
            experiment=result.config.experiment,
            experiment_fingerprint=trained[run.model],
            strategy_fingerprint=result.config.strategy_fingerprint,
            model=run.model,
            instruments=result.grid.market.symbols,
            first_session=result.folds[0].test.first.isoformat(),
            last_session=result.folds[-1].test.last.isoformat(),
            sessions=len(result.returns(run.net)),
            sharpe=_or_none(sharpe(result.returns(run.net).to_numpy(float))),
        )
        for run in result.runs
    )


def summarise(
    result: BacktestResult,
    competing: Sequence[Trial],
    returns: Sequence[pd.Series] = (),
    *,
    horizon: int | None = None,
    paths: Mapping[str, Any] | None = None,
    audit: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """Every number of the run.

    Args:
        result: the backtest.
        competing: recorded trials on the same instruments and days, this run's among them.
        returns: session returns of those of them that have some.
        horizon: bars that a label runs over; None takes the config's `hold`.
        paths: `evaluation.paths.path_metrics` of a cross-validation; None for a walk-forward.
        audit: what was checked for leaks, and found.

    Returns:
        Nested dictionaries of JSON values; what cannot be told is None.
    """
    models = {run.model: _model(result, run, competing) for run in result.runs}
    primary = models[result.config.model]
    overfit = overfitting(returns)
    signals = {run.model: run.signals for run in result.runs}
    decision = verdict(
        model=result.config.model,
        fills=primary["trading"]["fills"],
        sessions=primary["net"]["sessions"],
        deflated=primary["inference"]["deflated"],
        trials=len(competing),
        doubled_return=primary["doubled"]["total_return"],
        null_p=primary["inference"]["null_p"],
        overfitting=overfit.probability,
        cross_validated=paths is not None,
        universe_note=result.config.universe_note,
        synthetic=result.config.synthetic,
    )
    year = result.config.sessions_per_year
    summary = {
        "experiment": result.config.experiment,
        "synthetic": result.config.synthetic,
        "primary": result.config.model,
        "instruments": list(result.grid.market.symbols),
        "test": {
            "first": result.folds[0].test.first.isoformat(),
            "last": result.folds[-1].test.last.isoformat(),
            "sessions": primary["net"]["sessions"],
            "bars": len(result.grid.session),
        },
        "verdict": {**asdict(decision), "sentence": decision.sentence},
        "trials": len(competing),
        "overfitting": asdict(overfit),
        "comparison": compare_models(signals, max(result.config.hold, horizon or 0)),
        "paths": paths,
        "audit": list(audit),
        "models": models,
        "buy_and_hold": return_metrics(result.returns(result.buy_and_hold), year),
    }
    clean: dict[str, Any] = _jsonable(summary)
    return clean


def ruling(summary: Mapping[str, Any]) -> Verdict:
    """The verdict that a summary holds."""
    held = summary["verdict"]
    legs = tuple(Leg(**leg) for leg in held["legs"])
    return Verdict(held["passed"], held["headline"], legs, tuple(held["warnings"]))


def _model(result: BacktestResult, run: ModelRun, competing: Sequence[Trial]) -> dict[str, Any]:
    year = result.config.sessions_per_year
    net = result.returns(run.net)
    return {
        "net": return_metrics(net, year),
        "gross": return_metrics(result.returns(run.gross), year),
        "doubled": return_metrics(result.returns(run.doubled), year),
        "trading": trading_metrics(run.net, run.trades, result.grid, year),
        "forecast": forecast_metrics(run.signals),
        "inference": _inference(result, run, net, competing),
        "calibration": calibration(run.signals).to_dict("records"),
        "reliability": {
            "quantiles": quantile_reliability(run.signals),
            "histogram": quantile_histogram(run.signals),
            "rises": probability_reliability(run.signals),
        },
        "folds": [_fold(fold, run, net, year) for fold in result.folds],
        "months": _months(net),
        "instruments": _instruments(result, run),
        "costs": {name: float(part.sum()) for name, part in run.net.parts().items()},
        "capacity": _capacity(result, run),
        "ruined": run.net.ruined,
    }


def _capacity(result: BacktestResult, run: ModelRun) -> dict[str, Any]:
    """The curve, and the capitals at which half of the Sharpe ratio and all of it are gone."""
    return {
        "not_told": result.no_capacity,
        "half": capital_at(run.capacity, 0.5),
        "none": capital_at(run.capacity, 0.0),
        "curve": run.capacity.to_dict("records"),
    }


def _inference(
    result: BacktestResult, run: ModelRun, net: pd.Series, competing: Sequence[Trial]
) -> dict[str, Any]:
    """Per-session moments, and what they allow to say.

    `interval` is of the yearly Sharpe ratio, `return_interval` of the mean session return times the
    sessions of a year, `drawdown_interval` of the largest drawdown.
    """
    config = result.config
    returns = net.to_numpy(float)
    ratio = sharpe(returns)
    moments = (ratio, len(returns), inference.skewness(returns), inference.kurtosis(returns))
    ratios = [math.nan if trial.sharpe is None else trial.sharpe for trial in competing]
    best = inference.expected_best_sharpe(
        len(competing), inference.trial_variance(ratios, len(returns))
    )
    rng = np.random.default_rng(config.seed)
    intervals = inference.bootstrap_intervals(
        returns, config.bootstrap.samples, config.bootstrap.block, INTERVAL, rng
    )
    year = config.sessions_per_year
    root = math.sqrt(year)
    return {
        "sharpe_per_session": ratio,
        "skewness": moments[2],
        "kurtosis": moments[3],
        "probabilistic": inference.probabilistic_sharpe(*moments),
        "luck_sharpe": best * root,
        "deflated": inference.probabilistic_sharpe(*moments, benchmark=best),
        "interval": [bound * root for bound in intervals.sharpe],
        "return_interval": [bound * year for bound in intervals.mean],
        "drawdown_interval": list(intervals.drawdown),
        "null_p": inference.permutation_p(ratio, run.null.sharpe),
        "null_shifts": len(run.null.sharpe),
        "null_median": float(np.nanmedian(np.nan_to_num(run.null.sharpe))) * root
        if len(run.null.sharpe)
        else math.nan,
    }


def _fold(fold: Fold, run: ModelRun, net: pd.Series, year: float) -> dict[str, Any]:
    inside = fold.test.mask(net.index.to_numpy())
    rows = run.signals[run.signals["fold"] == fold.key]
    metrics = return_metrics(net[inside], year)
    scores = forecast_metrics(rows)
    spans = {
        name: [span.first.isoformat(), span.last.isoformat()] for name, span in fold.spans.items()
    }
    threshold = float(rows["threshold"].iloc[0]) if len(rows) else math.nan
    return {
        "fold": fold.key,
        **spans,
        "rows": len(rows),
        "threshold": threshold,
        **{k: metrics[k] for k in ("sessions", "total_return", "sharpe", "max_drawdown")},
        **{k: scores[k] for k in ("directional_accuracy", "base_rate", "rank_ic")},
    }


def _months(net: pd.Series) -> dict[str, float]:
    grouped = (1 + net).groupby(pd.DatetimeIndex(net.index).strftime("%Y-%m")).prod() - 1
    return {str(month): float(value) for month, value in grouped.items()}


def _instruments(result: BacktestResult, run: ModelRun) -> list[dict[str, Any]]:
    rows = []
    for s, symbol in enumerate(result.grid.market.symbols):
        own = run.net.fills.symbol == s
        trades = run.trades[run.trades["instrument"] == symbol]
        close = result.grid.adjusted_close[result.grid.present[:, s], s]
        rows.append(
            {
                "instrument": symbol,
                "bars": int(result.grid.present[:, s].sum()),
                "fills": int(own.sum()),
                "trades": len(trades),
                "hit_rate": float((trades["net"] > 0).mean()) if len(trades) else math.nan,
                "net_profit": float(run.net.pnl[-1, s]),
                "cost": float(run.net.fills.cost[own].sum()),
                "price_change": float(close[-1] / close[0] - 1) if len(close) else math.nan,
            }
        )
    return rows


def _or_none(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(inner) for inner in value]
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return _or_none(float(value))
    return value
