"""Capacity: more capital earns less when orders move the price, and the same when they do not."""

import math

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.evaluation.capacity import capacity_curve, capital_at, why_not
from fints_pipeline.evaluation.grid import Grid
from fints_pipeline.evaluation.liquidity import with_liquidity
from fints_pipeline.evaluation.metrics import session_returns, sharpe
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.engine import simulate
from fints_pipeline.walkforward.ledger import Account, Targets
from fints_pipeline.walkforward.limits import Limits
from fints_pipeline_tests.evaluation.test_sizing import bars, grid_of

CAPITALS = np.geomspace(1e3, 1e9, 7)


def clever_world() -> tuple[Grid, Targets]:
    """Forty sessions and a signal that knows the next move: a Sharpe ratio to be eaten up."""
    rng = np.random.default_rng(0)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.005, 160)))
    grid = grid_of(bars(closes))
    # Filled at the next open, which these bars have at their close: two ahead.
    ahead = np.sign(np.roll(closes, -2) - np.roll(closes, -1))
    return grid, Targets.of(ahead[:, None])


def curve(costs: CostModel) -> pd.DataFrame:
    grid, targets = clever_world()
    grid, liquidity = with_liquidity(grid, [costs], Limits())
    rates = costs.rates(1)
    account = Account(1.0, compound=False)
    return capacity_curve(grid, targets, rates, account, liquidity, CAPITALS, 252)


def test_impact_eats_the_sharpe_ratio():
    found = curve(CostModel(fee_bps=1, impact=1.0))
    ratio = found["sharpe"].to_numpy()
    # Deep in the red a ratio says little; up to there it falls, and the return all along.
    assert (np.diff(ratio[: np.flatnonzero(ratio < 0)[0] + 1]) < 0).all()
    assert (np.diff(found["annual_return"]) <= 0).all()
    assert ratio[0] > 10
    assert ratio[-1] < 0
    # The square-root law: a hundred times the order, ten times the impact.
    assert found["impact_bps"][2] / found["impact_bps"][0] == pytest.approx(10)
    fees = found["cost_bps"] - found["impact_bps"]
    assert fees.to_numpy() == pytest.approx(np.ones(7))
    half, none = capital_at(found, 0.5), capital_at(found, 0.0)
    assert 1e3 < half < none < 1e9


def test_without_impact_capital_changes_nothing():
    found = curve(CostModel(fee_bps=1))
    assert found["sharpe"].to_numpy() == pytest.approx(np.full(7, found["sharpe"][0]))
    assert capital_at(found, 0.5) == math.inf


def test_a_point_of_the_curve_is_a_run_of_its_own():
    costs = CostModel(fee_bps=1, impact=1.0)
    grid, targets = clever_world()
    grid, liquidity = with_liquidity(grid, [costs], Limits())
    account = Account(1e5, compound=False)
    ledger = simulate(grid.market, targets, costs.rates(1), account, liquidity)
    returns = session_returns(ledger.equity, grid.session, 1e5).to_numpy()
    assert curve(costs)["sharpe"][2] == sharpe(returns, 252)


def test_capital_at_interpolates():
    found = pd.DataFrame({"capital": [1e4, 1e6, 1e8], "sharpe": [2.0, 1.5, 0.5]})
    assert capital_at(found, 0.5) == pytest.approx(1e7)
    assert capital_at(found, 0.0) == math.inf
    assert math.isnan(capital_at(found.assign(sharpe=-1.0), 0.5))
    assert math.isnan(capital_at(found.iloc[:0], 0.5))


def test_it_says_why_it_cannot_tell():
    grid = grid_of(bars(np.full(8, 10.0)))
    assert why_not(grid, [CostModel(impact=1)]) is None
    assert "no market impact" in why_not(grid, [CostModel()])
    silent = bars(np.full(8, 10.0)).assign(volume=np.nan)
    assert "made.UP has no volume" in why_not(grid_of(silent), [CostModel(impact=1, adv=1e6)])
