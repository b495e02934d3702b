"""The stage: predictions and bars in, ledgers, metrics and a verdict's numbers out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.base.errors import ConfigError, KeyNotFoundError
from fints_pipeline.evaluation.capacity import capacity_curve, why_not
from fints_pipeline.evaluation.config import BacktestConfig
from fints_pipeline.evaluation.grid import Grid, Rate, build_grid
from fints_pipeline.evaluation.liquidity import with_liquidity
from fints_pipeline.evaluation.metrics import session_ends, session_returns, sharpe
from fints_pipeline.evaluation.signals import signals
from fints_pipeline.evaluation.sizing import full_size, kelly_signal, targets
from fints_pipeline.evaluation.trades import round_trips
from fints_pipeline.walkforward.audit import audit
from fints_pipeline.walkforward.columns import Columns
from fints_pipeline.walkforward.costs import CostRates, Liquidity
from fints_pipeline.walkforward.engine import simulate, simulate_columns
from fints_pipeline.walkforward.folds import Fold
from fints_pipeline.walkforward.ledger import Account, Ledger, Targets

Floats = NDArray[np.float64]
SCENARIOS = (1.0, 0.0, 2.0)
"""Factors on the costs: net, gross, doubled."""
SHIFTS_AT_ONCE = 16


@dataclass(frozen=True)
class Venue:
    """Where every model of a run trades.

    Attributes:
        grid: the test rows.
        costs: by instrument.
        liquidity: of the test rows.
        size: (T, S) fraction of the equity at full signal.
        no_capacity: why there is no capacity curve; None when there is one.
    """

    grid: Grid
    costs: CostRates
    liquidity: Liquidity
    size: Floats
    no_capacity: str | None


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
        capacity: `evaluation.capacity.capacity_curve`; without rows where it cannot be told.
        null: circular shifts of the signal.
    """

    model: str
    signals: pd.DataFrame
    net: Ledger
    gross: Ledger
    doubled: Ledger
    trades: pd.DataFrame
    capacity: pd.DataFrame
    null: Null


@dataclass(frozen=True)
class BacktestResult:
    """Everything that metrics and report are made from.

    Attributes:
        grid: the test rows, T of them.
        folds: in time order; their test spans cover the rows.
        runs: one a model, the primary first.
        buy_and_hold: equal parts of every instrument, bought once.
        no_capacity: why there is no capacity curve; None when there is one.
    """

    config: BacktestConfig
    grid: Grid
    folds: tuple[Fold, ...]
    runs: tuple[ModelRun, ...]
    buy_and_hold: Ledger
    no_capacity: str | None = None

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
    dividends: Mapping[str, pd.DataFrame] | None = None,
) -> BacktestResult:
    """Trade every model's test predictions, once, from the first test session to the last.

    Positions are carried from fold to fold; nothing before the first test session is traded, but
    earlier bars are used for the trailing volatility.

    Args:
        config: the run.
        bars: rows of the bars table by instrument; some sessions before the first test session
            are needed for a volatility target, impact and participation.
        predictions: rows of the predictions table, all folds.
        folds: the folds that they belong to.
        bar_minutes: length of a bar.
        rates: conversion rates by instrument.
        dividends: `ex_date` and `value` by instrument.

    Every ledger is audited: no fill before its decision, and equity that its fills make.

    Raises:
        ConfigError: an instrument's quote currency cannot be converted, or it has no volume where
            one is needed.
        LookAheadError: a fill is not later than its decision.
        KeyNotFoundError: a model or fold has no predictions, or sessions lie between two folds.
    """
    ordered = tuple(sorted(folds, key=lambda fold: fold.test.first))
    check_currencies(config, bars, rates or {})
    whole = build_grid(bars, bar_minutes, config.costs_of, rates, dividends)
    venue = _venue(config, whole, ordered)
    test = venue.grid
    _require_adjacent(ordered, test.session)
    runs = tuple(_run_model(model, config, venue, predictions) for model in config.models)
    held = _buy_and_hold(config, venue)
    return BacktestResult(config, test, ordered, runs, held, venue.no_capacity)


def _venue(config: BacktestConfig, whole: Grid, folds: Sequence[Fold]) -> Venue:
    """The test rows, with what the rows before them tell of volatility and volume."""
    unknown = set(config.instrument_costs) - set(whole.market.symbols)
    if unknown:
        raise ConfigError(
            f"costs are given for {', '.join(sorted(unknown))}, which is not traded",
            where="instrument_costs",
            fix=f"name one of {', '.join(whole.market.symbols)}",
        )
    models = [config.costs_of(symbol) for symbol in whole.market.symbols]
    priced, depth = with_liquidity(whole, models, config.limits)
    first = np.datetime64(folds[0].test.first, "D")
    last = np.datetime64(folds[-1].test.last, "D")
    rows = (whole.session >= first) & (whole.session <= last)
    return Venue(
        grid=priced.between(first, last),
        costs=CostRates.of(models),
        liquidity=Liquidity(
            **{name: None if part is None else part[rows] for name, part in vars(depth).items()}
        ),
        size=full_size(whole, config.sizing, config.sessions_per_year)[rows],
        no_capacity=why_not(whole, models),
    )


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
    model: str, config: BacktestConfig, venue: Venue, predictions: pd.DataFrame
) -> ModelRun:
    grid, account = venue.grid, config.account
    rows = signals(predictions, model, config)
    wanted = grid.matrix(rows, "signal")
    if config.sizing.kind == "kelly":
        wanted = kelly_signal(wanted, grid.matrix(rows, "kelly"), config.sizing)
    decided = targets(wanted, venue.size, grid, config)
    columns = Columns.of(account, len(SCENARIOS), cost_scale=np.array(SCENARIOS))
    passes = simulate_columns(
        grid.market, decided, venue.costs, account, columns, venue.liquidity, keep=True
    )
    net, gross, doubled = (passes.ledger(k) for k in range(len(SCENARIOS)))
    for ledger in (net, gross, doubled):
        audit(ledger, grid.market, config.capital)
    capitals = np.empty(0) if venue.no_capacity else config.capacity.capitals
    return ModelRun(
        model=model,
        signals=rows,
        net=net,
        gross=gross,
        doubled=doubled,
        trades=round_trips(net, grid.market),
        capacity=capacity_curve(
            grid, decided, venue.costs, account, venue.liquidity, capitals, config.sessions_per_year
        ),
        null=_null(wanted, venue, config),
    )


def _null(wanted: Floats, venue: Venue, config: BacktestConfig) -> Null:
    """Trade the signal at the wrong times: shifted around the test span by a session or more.

    A shift keeps the signal's own pattern, its mean exposure and so what the market's drift pays;
    what it takes away is the timing.
    """
    grid = venue.grid
    ends = session_ends(grid.session)
    rows = len(wanted)
    least = max(config.hold, rows // len(ends))
    if rows <= 2 * least or not config.null_shifts:
        return Null(np.empty(0), np.empty((0, len(ends))))
    rng = np.random.default_rng(config.seed)
    shifts = rng.integers(least, rows - least + 1, config.null_shifts)
    batches = [shifts[at : at + SHIFTS_AT_ONCE] for at in range(0, len(shifts), SHIFTS_AT_ONCE)]
    equity = np.concatenate([_shifted(wanted, some, venue, config)[ends] for some in batches], 1)
    days = grid.session[ends]
    ratios = [
        sharpe(session_returns(levels, days, config.capital).to_numpy(float)) for levels in equity.T
    ]
    return Null(np.array(ratios), np.ascontiguousarray(equity.T))


def _shifted(
    wanted: Floats, shifts: NDArray[np.int64], venue: Venue, config: BacktestConfig
) -> Floats:
    """(T, n) equity of the signal moved by each shift, all in one pass."""
    account = config.account
    moved = [
        targets(np.roll(wanted, shift, axis=0), venue.size, venue.grid, config) for shift in shifts
    ]
    together = Targets(np.stack([one.fraction for one in moved], axis=2), moved[0].reason)
    columns = Columns.of(account, len(shifts))
    return simulate_columns(
        venue.grid.market, together, venue.costs, account, columns, venue.liquidity
    ).equity


def _buy_and_hold(config: BacktestConfig, venue: Venue) -> Ledger:
    grid = venue.grid
    symbols = len(grid.market.symbols)
    fraction = np.full(grid.present.shape, np.nan)
    for s in range(symbols):
        first = np.flatnonzero(grid.present[:, s])[:1]
        fraction[first, s] = 1 / symbols
    account = Account(config.capital)
    return simulate(grid.market, Targets.of(fraction), venue.costs, account, venue.liquidity)


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
