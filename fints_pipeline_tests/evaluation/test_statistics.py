"""Inference on Sharpe ratios: golden numbers, and scipy where it is right."""

import math

import numpy as np
import pytest
from scipy import stats

from fints_pipeline.evaluation import statistics


def test_psr_variance_with_normal_moments_is_lo():
    """gamma3 = 0, gamma4 = 3 (RAW) must give (1 + SR²/2) / (T - 1); excess kurtosis would not."""
    assert statistics.sharpe_variance(0.3, 101, 0.0, 3.0) == pytest.approx((1 + 0.3**2 / 2) / 100)


def test_moments_are_scipys_and_raw():
    values = np.random.default_rng(1).gamma(2.0, size=500)
    assert statistics.skewness(values) == pytest.approx(stats.skew(values))
    assert statistics.kurtosis(values) == pytest.approx(stats.kurtosis(values, fisher=False))
    assert statistics.kurtosis(np.ones(5)) == 3.0


def test_probabilistic_sharpe_by_hand():
    # SR 0.1 over 101 sessions: z = 0.1 / sqrt(1.005 / 100) = 0.99751
    found = statistics.probabilistic_sharpe(0.1, 101, 0.0, 3.0)
    assert found == pytest.approx(stats.norm.cdf(0.1 / math.sqrt(1.005 / 100)))
    assert statistics.probabilistic_sharpe(0.1, 101, 0.0, 3.0, benchmark=0.1) == 0.5
    assert math.isnan(statistics.probabilistic_sharpe(math.nan, 101, 0.0, 3.0))


def test_fat_tails_and_negative_skew_lower_the_probability():
    normal = statistics.probabilistic_sharpe(0.1, 101, 0.0, 3.0)
    assert statistics.probabilistic_sharpe(0.1, 101, -1.0, 3.0) < normal
    assert statistics.probabilistic_sharpe(0.1, 101, 0.0, 20.0) < normal


def test_expected_best_is_close_to_simulated_best():
    rng = np.random.default_rng(0)
    for trials in (5, 50):
        best = rng.standard_normal((20_000, trials)).max(axis=1).mean()
        assert statistics.expected_best_sharpe(trials, 1.0) == pytest.approx(best, rel=0.05)
    assert statistics.expected_best_sharpe(1, 1.0) == 0.0
    assert statistics.expected_best_sharpe(5, 4.0) == pytest.approx(
        2 * statistics.expected_best_sharpe(5, 1.0)
    )


def test_few_trials_are_judged_by_the_sampling_variance():
    assert statistics.trial_variance([5.0, -5.0], 101) == pytest.approx(0.01)
    many = list(np.linspace(-1, 1, 10))
    assert statistics.trial_variance([*many, math.nan], 101) == pytest.approx(np.var(many, ddof=1))


def test_stationary_bootstrap_draws_blocks_of_the_wanted_length():
    rows = statistics.stationary_bootstrap(50, 4000, 5.0, np.random.default_rng(0))
    assert rows.shape == (4000, 50)
    assert rows.min() == 0
    assert rows.max() == 49
    follows = (np.diff(rows, axis=1) % 50 == 1).mean()
    # A row is followed by its neighbour unless a block ends (1 in 5), or by chance (1 in 50).
    assert follows == pytest.approx(0.8 + 0.2 / 50, abs=0.01)
    assert np.bincount(rows.ravel(), minlength=50) == pytest.approx(np.full(50, 4000), rel=0.1)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(200):
        returns = rng.normal(0.1, 1.0, 120)
        low, high = statistics.bootstrap_intervals(returns, 300, 1.0, 0.9, rng).sharpe
        hits += low <= 0.1 <= high
    # Binomial(200, 0.9): 99.9 % of the time within ±14 of 180.
    assert 166 <= hits <= 194


def test_permutation_p_counts_the_observed_one():
    null = np.array([0.0, 1.0, 2.0, math.nan])
    assert statistics.permutation_p(1.0, null) == pytest.approx((1 + 2) / 5)
    assert statistics.permutation_p(9.0, null) == pytest.approx(1 / 5)
    assert statistics.permutation_p(math.nan, null) == 1.0
    assert statistics.permutation_p(-1.0, np.empty(0)) == 1.0


def test_autocorrelation_of_an_alternating_series():
    found = statistics.autocorrelation(np.tile([1.0, -1.0], 500), 2)
    assert found == pytest.approx([-0.999, 0.998])
    assert statistics.newey_west_lags(100) == 4
    assert statistics.newey_west_lags(2) == 1
