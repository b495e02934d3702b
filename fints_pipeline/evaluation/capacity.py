"""Capacity: what the same targets earn with more capital, when orders move the price."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.evaluation.grid import Grid
from fints_pipeline.evaluation.metrics import session_ends, session_returns, sharpe
from fints_pipeline.walkforward.columns import Columns
from fints_pipeline.walkforward.costs import CostModel, CostRates, Liquidity
from fints_pipeline.walkforward.engine import simulate_columns
from fints_pipeline.walkforward.layout import PARTS
from fints_pipeline.walkforward.ledger import Account, Targets

COLUMNS = ("capital", "sharpe", "annual_return", "cost_bps", "impact_bps", "ruined")


def why_not(grid: Grid, costs: Sequence[CostModel]) -> str | None:
    """Why no capacity can be told; None when it can."""
    if not all(model.impact for model in costs):
        return "no market impact is configured, so size costs nothing"
    for symbol, volume in zip(grid.market.symbols, grid.volume.T, strict=True):
        if not np.isfinite(volume).any():
            return f"{symbol} has no volume; its impact stands on a configured one"
    return None


def capacity_curve(
    grid: Grid,
    targets: Targets,
    costs: CostRates,
    account: Account,
    liquidity: Liquidity,
    capitals: NDArray[np.float64],
    sessions_per_year: float,
) -> pd.DataFrame:
    """Net Sharpe ratio against capital, all capitals in one pass of the engine.

    Args:
        grid: the bars and their sessions.
        targets: what to hold, fractions of the equity.
        costs: by instrument.
        account: the rules; its capital is left aside.
        liquidity: impact rates.
        capitals: (K,) account currency, ascending.
        sessions_per_year: for annualising.

    Returns:
        One row a capital with `COLUMNS`: Sharpe ratio and return are annualised and net of all
        costs, costs and their impact part are basis points of the value traded, NaN without a
        trade.
    """
    columns = Columns.of(account, len(capitals), capital=capitals)
    passes = simulate_columns(grid.market, targets, costs, account, columns, liquidity)
    years = len(session_ends(grid.session)) / sessions_per_year
    spent = passes.paid.sum(axis=1)
    traded = passes.traded.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        cost_bps = spent[: PARTS.index("dividend")].sum(axis=0) / traded * 1e4
        impact_bps = spent[PARTS.index("impact")] / traded * 1e4
    rows = []
    for k, capital in enumerate(capitals):
        equity = passes.equity[:, k]
        returns = session_returns(equity, grid.session, float(capital)).to_numpy(float)
        growth = max(float(equity[-1] / capital), 0.0)
        rows.append(
            (
                float(capital), sharpe(returns, sessions_per_year), growth ** (1 / years) - 1,
                float(cost_bps[k]), float(impact_bps[k]), bool(passes.ruined[k]),
            )
        )  # fmt: skip
    return pd.DataFrame(rows, columns=list(COLUMNS))


def capital_at(curve: pd.DataFrame, share: float) -> float:
    """The capital at which the Sharpe ratio has fallen to a share of the smallest capital's.

    Interpolated in the logarithm of the capital between the two rows where it first falls below.

    Returns:
        Account currency; NaN when the smallest capital's Sharpe ratio is not positive, infinity
        when the curve does not fall that far.
    """
    ratio = curve["sharpe"].to_numpy(float)
    if not len(ratio) or not ratio[0] > 0:
        return math.nan
    level = share * ratio[0]
    below = np.flatnonzero(~(ratio > level))
    if not below.size:
        return math.inf
    after = int(below[0])
    if after == 0:  # the share is one: the smallest capital has it
        return float(curve["capital"].iloc[0])
    low, high = np.log(curve["capital"].to_numpy(float)[after - 1 : after + 1])
    drop = ratio[after - 1] - ratio[after]
    part = (ratio[after - 1] - level) / drop if np.isfinite(drop) else 0.0
    return float(np.exp(low + part * (high - low)))
