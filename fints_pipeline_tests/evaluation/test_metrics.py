"""Session aggregation, ratios and drawdowns worked out by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.evaluation import metrics


def days(*of: str) -> np.ndarray:
    return np.array(of, "M8[D]")


def test_session_returns_take_the_last_bar_of_each_session():
    session = days("2023-01-02", "2023-01-02", "2023-01-03", "2023-01-05")
    equity = np.array([90.0, 110.0, 99.0, 99.0])
    returns = metrics.session_returns(equity, session, 100.0)
    assert returns.to_numpy() == pytest.approx([0.10, -0.10, 0.0])
    assert [str(day.date()) for day in returns.index] == ["2023-01-02", "2023-01-03", "2023-01-05"]


def test_a_lost_account_earns_nothing_afterwards():
    returns = metrics.session_returns(
        np.array([-5.0, -5.0]), days("2023-01-02", "2023-01-03"), 100.0
    )
    assert returns.to_numpy() == pytest.approx([-1.05, 0.0])


def test_sharpe_by_hand():
    returns = np.array([0.01, 0.03, -0.01])
    expected = 0.01 / 0.02 * math.sqrt(252)
    assert metrics.sharpe(returns, 252) == pytest.approx(expected)
    assert math.isnan(metrics.sharpe(np.zeros(5), 252))
    assert math.isnan(metrics.sharpe(np.array([0.1]), 252))


def test_lo_correction_lowers_the_ratio_of_trending_returns():
    rng = np.random.default_rng(0)
    shocks = rng.normal(0.02, 0.1, 2000)
    trending = np.convolve(shocks, [0.5, 0.5])[:2000]
    assert metrics.sharpe_lo(trending, 252) < 0.85 * metrics.sharpe(trending, 252)
    # Independent returns: the correction is sampling error alone.
    assert metrics.sharpe_lo(shocks, 252) == pytest.approx(metrics.sharpe(shocks, 252), rel=0.15)


def test_lo_correction_by_hand():
    """Two sessions a year, one lag: SR·2 / sqrt(2 + 2·(2-1)·rho)."""
    returns = np.array([0.02, 0.01, 0.03, 0.0, 0.02, 0.01, 0.03, 0.01])
    centred = returns - returns.mean()
    lags = metrics.newey_west_lags(len(returns))
    rho = [float(centred[k:] @ centred[:-k] / (centred @ centred)) for k in range(1, lags + 1)]
    total = 2 + 2 * sum((2 - k) * rho[k - 1] for k in range(1, lags + 1))
    expected = metrics.sharpe(returns) * 2 / math.sqrt(total)
    assert metrics.sharpe_lo(returns, 2) == pytest.approx(expected)


def test_drawdown_depth_and_length():
    equity = np.array([1.0, 1.2, 0.9, 1.1, 1.2, 1.3, 1.17])
    assert metrics.drawdown(equity).max() == pytest.approx(0.25)
    assert metrics.longest_drawdown(equity) == 2
    assert metrics.longest_drawdown(np.array([1.0, 2.0])) == 0


def test_return_metrics_by_hand():
    index = pd.date_range("2023-01-02", periods=4)
    found = metrics.return_metrics(pd.Series([0.1, -0.5, 0.0, 0.2], index=index), 4)
    assert found["total_return"] == pytest.approx(1.1 * 0.5 * 1.2 - 1)
    assert found["annual_return"] == pytest.approx(found["total_return"])
    assert found["max_drawdown"] == pytest.approx(0.5)
    assert found["drawdown_sessions"] == 3
    assert found["sortino"] == pytest.approx(-0.05 / 0.25 * 2)
    assert found["calmar"] == pytest.approx(found["annual_return"] / 0.5)
