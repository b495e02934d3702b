"""The Diebold-Mariano test: by hand, its size where forecasts are equally good, its power."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fints_pipeline.evaluation.comparison import (
    compare_models,
    diebold_mariano,
    long_run_variance,
)


def test_long_run_variance_by_hand():
    values = np.array([1.0, -1.0, 2.0, 0.0])
    c = values - 0.5
    expected = (c @ c + 2 * 0.5 * (c[1:] @ c[:-1])) / 4
    assert long_run_variance(values, 1) == pytest.approx(expected)
    assert long_run_variance(values, 0) == pytest.approx(values.var())


def test_statistic_by_hand():
    d = np.random.default_rng(0).standard_normal(50) + 0.2
    found = diebold_mariano(d, 1)
    assert found.lags == 3
    plain = d.mean() / np.sqrt(long_run_variance(d, 3) / 50)
    # Harvey's factor for h = 1: (n + 1 - 2) / n.
    assert found.statistic == pytest.approx(plain * np.sqrt(49 / 50))
    assert found.p == pytest.approx(2 * stats.t.sf(abs(found.statistic), 49))


def test_harveys_factor_for_a_longer_horizon():
    d = np.random.default_rng(1).standard_normal(100)
    found = diebold_mariano(d, 6)
    plain = d.mean() / np.sqrt(long_run_variance(d, 5) / 100)
    assert found.statistic == pytest.approx(plain * np.sqrt((100 + 1 - 12 + 30 / 100) / 100))


def test_it_rejects_equal_forecasts_about_as_often_as_it_says():
    """Overlapping errors of three steps, as labels of three bars make them."""
    rng = np.random.default_rng(2)
    draws = rng.standard_normal((1000, 302))
    overlapping = draws[:, 2:] + draws[:, 1:-1] + draws[:, :-2]
    rejected = np.mean([diebold_mariano(row, 3).p < 0.05 for row in overlapping])
    naive = np.mean([stats.ttest_1samp(row, 0).pvalue < 0.05 for row in overlapping])
    assert rejected < 0.09  # Bartlett weights leave a little of the overlap in
    assert naive > 0.2


def test_few_values_and_none_that_differ_are_not_told():
    assert np.isnan(diebold_mariano(np.ones(10), 1).p)
    assert np.isnan(diebold_mariano(np.zeros(100), 1).p)
    assert np.isnan(diebold_mariano(np.random.default_rng(0).standard_normal(30), 40).p)


def signals(kind: str, error: float, seed: int) -> pd.DataFrame:
    times = pd.date_range("2023-01-02", periods=200, freq="h", tz="UTC")
    label = np.random.default_rng(9).standard_normal(200)
    noise = np.random.default_rng(seed).standard_normal(200) * error
    frame = pd.DataFrame(
        {"instrument": "a", "close_time": times, "label": label, "edge": label + noise}
    )
    frame["expected_return"] = label + noise if kind == "return" else np.nan
    frame["p_up"] = stats.norm.cdf(label + noise) if kind == "probability" else np.nan
    return frame


def test_pairs_are_compared_by_what_both_give():
    found = compare_models(
        {
            "good": signals("return", 0.1, 1),
            "poor": signals("return", 2.0, 2),
            "sure": signals("probability", 0.1, 3),
            "vague": signals("probability", 3.0, 4),
        },
        horizon=1,
    )
    by_pair = {(row["first"], row["second"]): row for row in found}
    assert len(found) == 6
    assert by_pair["good", "poor"]["loss"] == "squared error"
    assert by_pair["good", "poor"]["statistic"] < -3
    assert by_pair["sure", "vague"]["loss"] == "Brier score"
    assert by_pair["sure", "vague"]["p"] < 0.01
    assert by_pair["good", "vague"]["loss"] == "wrong direction"
    assert by_pair["good", "vague"]["difference"] < 0
    assert by_pair["good", "vague"]["times"] == 200
