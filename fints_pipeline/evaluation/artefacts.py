"""A backtest on disk: what the bundle `backtests/<experiment>` holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.evaluation.backtest import BacktestResult, ModelRun
from fints_pipeline.evaluation.cost_breakdown import cost_breakdown
from fints_pipeline.evaluation.metrics import session_ends
from fints_pipeline.walkforward.folds import Fold
from fints_pipeline.walkforward.ledger import Ledger, Reason

NULL_LEVELS = (5, 50, 95)


@dataclass(frozen=True)
class Artefacts:
    """What `read` gives back.

    Attributes:
        equity: one row a model and bar: equity, cash, position_value, gross_exposure.
        curves: one row a session: equity of every scenario, columns `model:scenario`.
        fills: one row a fill.
        trades: one row a closed round trip.
        costs: one row a model and instrument: every cost part, see `cost_breakdown`.
        capacity: one row a model and capital, see `capacity_curve`; empty where it cannot be told.
        folds: in time order.
        metrics: `evaluation.summary.summarise`.
    """

    equity: pd.DataFrame
    curves: pd.DataFrame
    fills: pd.DataFrame
    trades: pd.DataFrame
    costs: pd.DataFrame
    capacity: pd.DataFrame
    folds: tuple[Fold, ...]
    metrics: dict[str, Any]


def write(folder: Path, result: BacktestResult, metrics: dict[str, Any]) -> None:
    """Write a backtest's files into an empty folder."""
    frames = {
        "equity": pd.concat([_equity(result, run) for run in result.runs], ignore_index=True),
        "curves": _curves(result),
        "fills": pd.concat([_fills(result, run) for run in result.runs], ignore_index=True),
        "trades": pd.concat(
            [run.trades.assign(model=run.model) for run in result.runs], ignore_index=True
        ),
        "costs": pd.concat(
            [
                cost_breakdown(run.net, result.grid.market.symbols).assign(model=run.model)
                for run in result.runs
            ],
            ignore_index=True,
        ),
        "capacity": pd.concat(
            [run.capacity.assign(model=run.model) for run in result.runs], ignore_index=True
        ),
    }
    for name, frame in frames.items():
        frame.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
    folds = [json.loads(fold.to_json()) for fold in result.folds]
    (folder / "folds.json").write_text(json.dumps(folds, indent=1), encoding="utf-8")
    text = json.dumps(metrics, indent=1, allow_nan=False)
    (folder / "metrics.json").write_text(text, encoding="utf-8")


def read(folder: Path) -> Artefacts:
    """Read what `write` wrote; `folder` comes from `Lake.open_bundle`, which verified it."""
    frames = {
        name: pd.read_parquet(folder / f"{name}.parquet")
        for name in ("equity", "curves", "fills", "trades", "costs", "capacity")
    }
    folds = json.loads((folder / "folds.json").read_text(encoding="utf-8"))
    metrics = json.loads((folder / "metrics.json").read_text(encoding="utf-8"))
    return Artefacts(
        **frames, folds=tuple(Fold.from_json(json.dumps(f)) for f in folds), metrics=metrics
    )


def _equity(result: BacktestResult, run: ModelRun) -> pd.DataFrame:
    ledger = run.net
    return pd.DataFrame(
        {
            "model": run.model,
            "close_time": _utc(result.grid.market.close_time),
            "session": result.grid.session.astype("datetime64[us]"),
            "equity": ledger.equity,
            "cash": ledger.cash,
            "position_value": ledger.position_value.sum(axis=1),
            "gross_exposure": np.abs(ledger.position_value).sum(axis=1) / ledger.equity,
        }
    )


def _curves(result: BacktestResult) -> pd.DataFrame:
    ends = session_ends(result.grid.session)
    columns: dict[str, Any] = {"session": result.grid.session[ends].astype("datetime64[us]")}
    columns["buy_and_hold"] = result.buy_and_hold.equity[ends]
    for run in result.runs:
        scenarios: dict[str, Ledger] = {
            "net": run.net,
            "gross": run.gross,
            "doubled": run.doubled,
        }
        for name, ledger in scenarios.items():
            columns[f"{run.model}:{name}"] = ledger.equity[ends]
        if len(run.null.equity):
            levels = np.percentile(run.null.equity, NULL_LEVELS, axis=0)
            for level, curve in zip(NULL_LEVELS, levels, strict=True):
                columns[f"{run.model}:null_{level:02d}"] = curve
    return pd.DataFrame(columns)


def _fills(result: BacktestResult, run: ModelRun) -> pd.DataFrame:
    fills, market = run.net.fills, result.grid.market
    return pd.DataFrame(
        {
            "model": run.model,
            "instrument": np.array(market.symbols, object)[fills.symbol],
            "decided_at": _utc(market.close_time[fills.decided]),
            "filled_at": _utc(market.open_time[fills.filled]),
            "units": fills.units,
            "price": fills.price,
            "fx": fills.fx,
            "spread_cost": fills.spread,
            "slippage": fills.slippage,
            "impact": fills.impact,
            "fee": fills.fee,
            "position": run.net.units[fills.filled, fills.symbol],
            "reason": [Reason(code).name.lower() for code in fills.reason],
        }
    )


def _utc(times: np.ndarray) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times).tz_localize("UTC")
