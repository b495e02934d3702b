"""Metrics against empyrical, quantstats, skfolio and scipy where those are right.

Where one of them means something else, or is off, the test's docstring says what it does, and the
value is computed by hand.
"""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fints_pipeline.evaluation import statistics
from fints_pipeline.evaluation.forecast import information_ratio
from fints_pipeline.evaluation.metrics import return_metrics, sharpe
from fints_pipeline_tests.peers import run_peer

YEAR = 252.0
SESSIONS = 600
PEERS = """
import warnings
warnings.simplefilter("ignore")
import pandas as pd
import empyrical, quantstats
from skfolio import Portfolio
index = pd.bdate_range("2021-01-04", periods=len(given["returns"]))
returns = pd.Series(given["returns"], index)
net = pd.Series(given["net"])
e, q = empyrical, quantstats.stats
made["empyrical_sharpe"] = e.sharpe_ratio(returns)
made["empyrical_sortino"] = e.sortino_ratio(returns)
made["empyrical_calmar"] = e.calmar_ratio(returns)
made["empyrical_max_drawdown"] = e.max_drawdown(returns)
made["empyrical_annual_volatility"] = e.annual_volatility(returns)
made["empyrical_annual_return"] = e.annual_return(returns)
made["quantstats_sharpe"] = q.sharpe(returns)
made["quantstats_sortino"] = q.sortino(returns)
made["quantstats_calmar"] = q.calmar(returns)
made["quantstats_max_drawdown"] = q.max_drawdown(returns)
made["quantstats_annual_volatility"] = q.volatility(returns)
made["quantstats_annual_return"] = q.cagr(returns)
made["quantstats_psr"] = q.probabilistic_sharpe_ratio(returns)
made["quantstats_profit_factor"] = q.profit_factor(net, prepare_returns=False)
made["quantstats_win_rate"] = q.win_rate(net, prepare_returns=False)
below = (q.to_drawdown_series(returns) < 0).to_numpy()
made["quantstats_below_high"] = below
details = q.drawdown_details(q.to_drawdown_series(returns))
made["quantstats_longest_days"] = details["days"].max()
plain = Portfolio(X=returns.to_frame("a"), weights=[1.0], annualized_factor=252)
grown = Portfolio(X=returns.to_frame("a"), weights=[1.0], annualized_factor=252, compounded=True)
made["skfolio_sharpe"] = plain.annualized_sharpe_ratio
made["skfolio_annual_volatility"] = plain.annualized_standard_deviation
made["skfolio_max_drawdown"] = -grown.max_drawdown
made["skfolio_max_drawdown_of_sums"] = plain.max_drawdown
made["skfolio_sortino"] = plain.annualized_sortino_ratio
made["skfolio_calmar"] = grown.calmar_ratio
made["skfolio_skewness"] = plain.skew
made["skfolio_kurtosis"] = plain.kurtosis
"""


@pytest.fixture(scope="module")
def returns() -> pd.Series:
    """Fat-tailed and skewed, so that moments and downside matter."""
    rng = np.random.default_rng(7)
    values = 0.009 * rng.standard_t(4, SESSIONS) - 0.004 * rng.exponential(1, SESSIONS) + 0.0056
    return pd.Series(values, pd.bdate_range("2021-01-04", periods=SESSIONS))


@pytest.fixture(scope="module")
def net() -> np.ndarray:
    """Profits of trades; some are exactly nothing."""
    profits = np.random.default_rng(8).normal(0.2, 2.0, 300)
    profits[::30] = 0.0
    return profits


@pytest.fixture(scope="module")
def ours(returns: pd.Series) -> dict[str, float]:
    return return_metrics(returns, YEAR)


@pytest.fixture(scope="module")
def peers(
    returns: pd.Series, net: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, np.ndarray]:
    folder: Path = tmp_path_factory.mktemp("peers")
    return run_peer(PEERS, folder, returns=returns.to_numpy(), net=net)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("peer", "names"),
    [
        ("empyrical", ("sharpe", "sortino", "calmar", "annual_volatility", "annual_return")),
        ("quantstats", ("sharpe", "sortino", "calmar", "annual_volatility", "annual_return")),
        ("skfolio", ("sharpe", "annual_volatility")),
    ],
)
def test_ratios_per_year_are_theirs(
    peer: str, names: tuple[str, ...], ours: dict[str, float], peers: dict[str, np.ndarray]
) -> None:
    for name in names:
        assert ours[name] == pytest.approx(float(peers[f"{peer}_{name}"]), rel=1e-10), name


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["empyrical", "quantstats", "skfolio"])
def test_the_deepest_drawdown_is_theirs(
    peer: str, ours: dict[str, float], peers: dict[str, np.ndarray]
) -> None:
    """All three give it as a negative number; skfolio only with ``compounded=True``."""
    assert ours["max_drawdown"] == pytest.approx(-float(peers[f"{peer}_max_drawdown"]), rel=1e-10)


@pytest.mark.slow
def test_the_longest_drawdown_counts_sessions_and_quantstats_counts_days(
    ours: dict[str, float], peers: dict[str, np.ndarray]
) -> None:
    """quantstats agrees on which sessions are below a high; its ``days`` are of the calendar.

    They run from the first day below to the last, weekends included, so that the longest by days
    need not have the most sessions.
    """
    longest = run = 0
    for below in peers["quantstats_below_high"]:
        run = run + 1 if below else 0
        longest = max(longest, run)
    assert ours["drawdown_sessions"] == longest
    assert int(peers["quantstats_longest_days"]) > longest


@pytest.mark.slow
def test_skfolio_means_something_else_by_sortino_calmar_and_plain_drawdown(
    returns: pd.Series, ours: dict[str, float], peers: dict[str, np.ndarray]
) -> None:
    """Its downside is the deviation below the mean (with n − 1), not below zero.

    Its Calmar ratio is the mean of one session over the drawdown, nothing annualised; and unless
    ``compounded`` is set, it adds returns up, so that the drawdown is one of sums.
    """
    values = returns.to_numpy()
    below_mean = np.minimum(values - values.mean(), 0)
    semi = math.sqrt((below_mean**2).sum() / (len(values) - 1))
    assert float(peers["skfolio_sortino"]) == pytest.approx(
        values.mean() / semi * math.sqrt(YEAR), rel=1e-10
    )
    downside = math.sqrt((np.minimum(values, 0) ** 2).mean())
    by_hand = values.mean() / downside * math.sqrt(YEAR)
    assert ours["sortino"] == pytest.approx(by_hand, rel=1e-12)
    assert ours["sortino"] != pytest.approx(float(peers["skfolio_sortino"]), rel=1e-3)

    assert float(peers["skfolio_calmar"]) == pytest.approx(values.mean() / ours["max_drawdown"])
    growth = np.prod(1 + values) ** (YEAR / len(values)) - 1
    assert ours["calmar"] == pytest.approx(growth / ours["max_drawdown"], rel=1e-12)

    summed = np.concatenate([[0.0], np.cumsum(values)])
    of_sums = (np.maximum.accumulate(summed) - summed).max()
    assert float(peers["skfolio_max_drawdown_of_sums"]) == pytest.approx(of_sums)
    assert of_sums != pytest.approx(ours["max_drawdown"], rel=1e-3)


@pytest.mark.slow
def test_moments_are_skfolios_and_scipys(returns: pd.Series, peers: dict[str, np.ndarray]) -> None:
    """Both raw: the kurtosis of a normal is 3."""
    values = returns.to_numpy()
    skewness, kurtosis = statistics.skewness(values), statistics.kurtosis(values)
    assert skewness == pytest.approx(float(peers["skfolio_skewness"]), rel=1e-10)
    assert kurtosis == pytest.approx(float(peers["skfolio_kurtosis"]), rel=1e-10)
    assert skewness == pytest.approx(stats.skew(values))
    assert kurtosis == pytest.approx(stats.kurtosis(values, fisher=False))


@pytest.mark.slow
def test_quantstats_psr_takes_moments_with_a_correction_for_bias(
    returns: pd.Series, peers: dict[str, np.ndarray]
) -> None:
    """The formula is the same, and its kurtosis is raw; the moments are pandas' unbiased ones.

    The paper's estimator takes the plain ones, as ours does. The version that is installed adds 3
    to pandas' excess kurtosis; earlier ones subtracted 3 from it, which the last line rules out.
    """
    values = returns.to_numpy()
    ratio, count = sharpe(values), len(values)
    unbiased = (float(stats.skew(values, bias=False)), float(stats.kurtosis(values, bias=False)))
    theirs = float(peers["quantstats_psr"])
    found = statistics.probabilistic_sharpe(ratio, count, unbiased[0], unbiased[1] + 3)
    assert found == pytest.approx(theirs, rel=1e-10)
    plain = statistics.skewness(values), statistics.kurtosis(values)
    assert statistics.probabilistic_sharpe(ratio, count, *plain) == pytest.approx(theirs, rel=1e-3)
    excess = statistics.probabilistic_sharpe(ratio, count, unbiased[0], unbiased[1])
    assert abs(excess - theirs) > 1e-5


@pytest.mark.slow
def test_trades_that_made_nothing_are_no_hits_and_quantstats_leaves_them_out(
    net: np.ndarray, peers: dict[str, np.ndarray]
) -> None:
    """Its win rate is over the trades that are not zero; the profit factor is the same."""
    won, lost = net[net > 0], net[net < 0]
    assert float(peers["quantstats_win_rate"]) == pytest.approx(len(won) / (len(won) + len(lost)))
    assert float(peers["quantstats_profit_factor"]) == pytest.approx(won.sum() / -lost.sum())


def test_golden_variance_of_a_normal_sharpe_ratio() -> None:
    """γ₃ = 0 and γ₄ = 3 give (1 + SR²/2) / (T − 1); with excess kurtosis, 0, it would be less."""
    for ratio in (-0.4, 0.0, 0.1, 1.5):
        for count in (20, 253, 5000):
            found = statistics.sharpe_variance(ratio, count, 0.0, 3.0)
            assert found == pytest.approx((1 + ratio**2 / 2) / (count - 1), rel=1e-14)
    assert statistics.sharpe_variance(1.5, 20, 0.0, 0.0) < (1 + 1.5**2 / 2) / 19


def test_deflated_ratio_by_scipy_and_by_hand() -> None:
    """The probability of beating the best of 10 lucky trials whose ratios vary by 0.01."""
    z = stats.norm.ppf
    best = 0.1 * ((1 - np.euler_gamma) * z(1 - 1 / 10) + np.euler_gamma * z(1 - 1 / (10 * math.e)))
    assert statistics.expected_best_sharpe(10, 0.01) == pytest.approx(best, rel=1e-9)
    ratio, count, gamma3, gamma4 = 0.2, 500, -0.5, 6.0
    error = math.sqrt((1 + 0.5 * ratio + 5 / 4 * ratio**2) / (count - 1))
    found = statistics.probabilistic_sharpe(ratio, count, gamma3, gamma4, benchmark=best)
    assert found == pytest.approx(stats.norm.cdf((ratio - best) / error), rel=1e-9)


def test_information_ratio_of_sessions_is_scipys_spearman_session_by_session() -> None:
    rng = np.random.default_rng(3)
    session = np.repeat(np.datetime64("2024-01-01") + np.arange(20), 15)
    label = rng.normal(size=len(session)).round(1)  # ties
    edge = (0.3 * label + rng.normal(size=len(session))).round(1)
    each = [stats.spearmanr(edge[session == d], label[session == d]).statistic
            for d in np.unique(session)]  # fmt: skip
    found = information_ratio(edge, label, session)
    assert found == pytest.approx(np.mean(each) / np.std(each, ddof=1), rel=1e-10)
