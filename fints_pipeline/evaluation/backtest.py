"""The stage: predictions and bars in, ledgers, metrics and a verdict's numbers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.base.errors import ConfigError, KeyNotFoundError
from fints_pipeline.evaluation.config import BacktestConfig
from fints_pipeline.evaluation.grid import Grid, Rate, build_grid
from fints_pipeline.evaluation.metrics import session_ends, session_returns, sharpe
from fints_pipeline.evaluation.signals import signals
from fints_pipeline.evaluation.sizing import full_size, targets
from fints_pipeline.evaluation.trades import round_trips
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.engine import simulate
from fints_pipeline.walkforward.folds import Fold
from fints_pipeline.walkforward.ledger import Account, Ledger, Targets

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Null:
    """What circular shifts of a signal earn, costs included.

    Attributes:
        sharpe: (n,) per session, of each shift.
        equity: (n, sessions) at each session's end.
    """

    sharpe: Floats
    equity: Floats


@dataclass(frozen=True)
class ModelRun:
    """One model's backtest over the joined test spans.

    Attributes:
        model: its name.
        signals: rows of `evaluation.signals.signals`.
        net: ledger with the configured costs.
        gross: the same targets without costs.
        doubled: the same targets with twice the costs.
        trades: closed round trips of `net`.
        null: circular shifts of the signal.
    """

    model: str
    signals: pd.DataFrame
    net: Ledger
    gross: Ledger
    doubled: Ledger
    trades: pd.DataFrame
    null: Null


@dataclass(frozen=True)
class BacktestResult:
    """Everything that metrics and report are made from.

    Attributes:
        grid: the test rows, T of them.
        folds: in time order; their test spans cover the rows.
        runs: one a model, the primary first.
        buy_and_hold: equal parts of every instrument, bought once.
    """

    config: BacktestConfig
    grid: Grid
    folds: tuple[Fold, ...]
    runs: tuple[ModelRun, ...]
    buy_and_hold: Ledger

    def returns(self, ledger: Ledger) -> pd.Series:
        """Session returns of one of the ledgers."""
        return session_returns(ledger.equity, self.grid.session, self.config.capital)


def run(
    config: BacktestConfig,
    bars: Mapping[str, pd.DataFrame],
    predictions: pd.DataFrame,
    folds: Sequence[Fold],
    bar_minutes: int,
    rates: Mapping[str, Rate] | None = None,
) -> BacktestResult:
    """Trade every model's test predictions, once, from the first test session to the last.

    Positions are carried from fold to fold; nothing before the first test session is traded, but
    earlier bars are used for the trailing volatility.

    Args:
        config: the run.
        bars: rows of the bars table by instrument; some sessions before the first test session
            are needed for a volatility target.
        predictions: rows of the predictions table, all folds.
        folds: the folds that they belong to.
        bar_minutes: length of a bar.
        rates: conversion rates by instrument.

    Raises:
        ConfigError: an instrument's quote currency cannot be converted.
        KeyNotFoundError: a model or fold has no predictions, or sessions lie between two folds.
    """
    ordered = tuple(sorted(folds, key=lambda fold: fold.test.first))
    check_currencies(config, bars, rates or {})
    whole = build_grid(bars, bar_minutes, config.costs, rates)
    first = np.datetime64(ordered[0].test.first, "D")
    last = np.datetime64(ordered[-1].test.last, "D")
    test = whole.between(first, last)
    _require_adjacent(ordered, test.session)
    size = full_size(whole, config.sizing, config.sessions_per_year)
    size = size[(whole.session >= first) & (whole.session <= last)]
    runs = tuple(_run_model(model, config, test, size, predictions) for model in config.models)
    return BacktestResult(config, test, ordered, runs, _buy_and_hold(config, test))


def check_currencies(
    config: BacktestConfig, instruments: Mapping[str, object], rates: Mapping[str, Rate]
) -> None:
    """Refuse to add up two currencies as if they were one.

    Raises:
        ConfigError: an instrument is quoted in a currency that nothing converts.
    """
    for instrument, currency in config.quote_currency.items():
        if instrument in instruments and currency != config.account_currency:
            if currency not in config.conversion:
                raise ConfigError(
                    f"{instrument} is quoted in {currency}, the account is in"
                    f" {config.account_currency}, and no conversion is given",
                    where="conversion",
                    fix=f"add `conversion: {{{currency}: {{instrument: …}}}}` with an instrument"
                    " whose price converts it",
                )
            if instrument not in rates:
                raise ConfigError(f"no rate for {instrument} ({currency})", where="conversion")


def _run_model(
    model: str, config: BacktestConfig, grid: Grid, size: Floats, predictions: pd.DataFrame
) -> ModelRun:
    rows = signals(predictions, model, config)
    wanted = grid.matrix(rows, "signal")
    decided = targets(wanted, size, grid, config)
    net = _trade(grid, decided, config, config.costs)
    return ModelRun(
        model=model,
        signals=rows,
        net=net,
        gross=_trade(grid, decided, config, config.costs.scaled(0)),
        doubled=_trade(grid, decided, config, config.costs.scaled(2)),
        trades=round_trips(net.fills, grid.market),
        null=_null(wanted, size, grid, config),
    )


def _null(wanted: Floats, size: Floats, grid: Grid, config: BacktestConfig) -> Null:
    """Trade the signal at the wrong times: shifted around the test span by a session or more.

    A shift keeps the signal's own pattern, its mean exposure and so what the market's drift pays;
    what it takes away is the timing.
    """
    ends = session_ends(grid.session)
    rows = len(wanted)
    least = max(config.hold, rows // len(ends))
    if rows <= 2 * least:
        return Null(np.empty(0), np.empty((0, len(ends))))
    rng = np.random.default_rng(config.seed)
    shifts = rng.integers(least, rows - least + 1, config.null_shifts)
    equity = np.empty((len(shifts), len(ends)))
    ratios = np.empty(len(shifts))
    for n, shift in enumerate(shifts):
        moved = targets(np.roll(wanted, shift, axis=0), size, grid, config)
        ledger = _trade(grid, moved, config, config.costs)
        equity[n] = ledger.equity[ends]
        ratios[n] = sharpe(
            session_returns(ledger.equity, grid.session, config.capital).to_numpy(float)
        )
    return Null(ratios, equity)


def _buy_and_hold(config: BacktestConfig, grid: Grid) -> Ledger:
    symbols = len(grid.market.symbols)
    fraction = np.full(grid.present.shape, np.nan)
    for s in range(symbols):
        first = np.flatnonzero(grid.present[:, s])[:1]
        fraction[first, s] = 1 / symbols
    account = Account(config.capital)
    costs = config.costs.rates(symbols)
    return simulate(grid.market, Targets.of(fraction), costs, account)


def _trade(grid: Grid, decided: Targets, config: BacktestConfig, costs: CostModel) -> Ledger:
    account = Account(config.capital, config.sizing.band, config.sizing.compound)
    return simulate(grid.market, decided, costs.rates(len(grid.market.symbols)), account)


def _require_adjacent(folds: Sequence[Fold], session: NDArray[np.datetime64]) -> None:
    days = np.unique(session)
    for earlier, later in pairwise(folds):
        between = (days > np.datetime64(earlier.test.last, "D")) & (
            days < np.datetime64(later.test.first, "D")
        )
        if between.any():
            raise KeyNotFoundError(
                f"{between.sum()} sessions between folds {earlier.key} and {later.key} belong to"
                " no test span",
                where="a fold's predictions are missing",
                fix="materialise the predictions of every fold in between",
            )
