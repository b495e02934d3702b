"""Probability of backtest overfitting: a slow twin, luck, skill, and too little to tell."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import rankdata

from fints_pipeline.evaluation.overfitting import (
    BLOCKS,
    MIN_BLOCK,
    MIN_TRIALS,
    overfitting,
    relative_ranks,
)


def series(returns: np.ndarray) -> list[pd.Series]:
    index = pd.bdate_range("2023-01-02", periods=len(returns))
    return [pd.Series(column, index=index) for column in returns.T]


def twin(returns: np.ndarray, blocks: int) -> list[float]:
    """Block by block, trial by trial."""
    rows = len(returns) // blocks
    parts = np.split(returns[len(returns) - rows * blocks :], blocks)
    ranks = []
    for chosen in combinations(range(blocks), blocks // 2):
        own = np.concatenate([parts[n] for n in chosen])
        other = np.concatenate([parts[n] for n in range(blocks) if n not in chosen])
        best = int(np.argmax(own.mean(axis=0) / own.std(axis=0)))
        ratios = other.mean(axis=0) / other.std(axis=0)
        ranks.append(rankdata(ratios)[best] / (returns.shape[1] + 1))
    return ranks


def test_ranks_are_the_twins():
    returns = np.random.default_rng(0).standard_normal((50, 6))
    assert relative_ranks(returns, 6) == pytest.approx(twin(returns, 6))


def test_luck_is_overfit_about_half_of_the_time_and_skill_is_not():
    rng = np.random.default_rng(1)
    luck = [overfitting(series(rng.standard_normal((320, 20)))).probability for _ in range(30)]
    # Ten thousand halves of one history are alike; thirty histories average to about 1/2.
    assert np.mean(luck) == pytest.approx(0.5, abs=0.1)
    skilled = rng.standard_normal((320, 20))
    skilled[:, 3] += 0.5
    assert overfitting(series(skilled)).probability < 0.01


def test_the_best_in_one_half_that_is_worst_in_the_other_is_overfit():
    rng = np.random.default_rng(2)
    sign = np.repeat([1.0, -1.0], 160)[:, None]
    returns = 0.3 * rng.standard_normal((320, 10)) * 0.1 + sign * np.linspace(-1, 1, 10)
    assert overfitting(series(returns)).probability > 0.9


@pytest.mark.parametrize(
    ("rows", "trials", "why"),
    [
        (BLOCKS * MIN_BLOCK, MIN_TRIALS - 1, f"{MIN_TRIALS} trials"),
        (BLOCKS * MIN_BLOCK - 1, MIN_TRIALS, f"{BLOCKS * MIN_BLOCK} sessions"),
    ],
)
def test_below_the_minimum_nothing_is_told(rows, trials, why):
    found = overfitting(series(np.random.default_rng(3).standard_normal((rows, trials))))
    assert np.isnan(found.probability)
    assert found.not_told is not None
    assert why in found.not_told
    enough = series(np.random.default_rng(3).standard_normal((BLOCKS * MIN_BLOCK, MIN_TRIALS)))
    assert overfitting(enough).not_told is None


def test_only_sessions_that_all_trials_share_count():
    whole = series(np.random.default_rng(4).standard_normal((200, 12)))
    assert overfitting([whole[0].iloc[50:], *whole[1:]]).sessions == 150
    assert overfitting([]).trials == 0
