"""Forecast scores against hand counts and scipy."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fints_pipeline.evaluation.distribution import LEVELS
from fints_pipeline.evaluation.forecast import (
    calibration,
    f1,
    forecast_metrics,
    information_ratio,
)


def table(edge, label, threshold=0.0, expected=None) -> pd.DataFrame:
    edge = np.asarray(edge, float)
    return pd.DataFrame(
        {
            "edge": edge, "label": np.asarray(label, float), "threshold": threshold,
            "expected_return": np.full(len(edge), np.nan) if expected is None else expected,
            "naive_error": np.nan, "p_up": np.nan, **dict.fromkeys(LEVELS, np.nan),
            "session": np.datetime64("2023-01-02") + np.arange(len(edge)) // 4,
        }
    )  # fmt: skip


def test_counts_by_hand():
    edge = [0.9, 0.8, 0.1, -0.7, -0.2, np.nan, 0.9]
    label = [1.0, -1.0, 1.0, -1.0, 1.0, 1.0, np.nan]
    found = forecast_metrics(table(edge, label, threshold=0.5))
    assert found["rows"] == 5
    assert found["directional_accuracy"] == pytest.approx(3 / 5)
    assert found["base_rate"] == pytest.approx(3 / 5)
    assert found["precision_up"] == pytest.approx(1 / 2)
    assert found["recall_up"] == pytest.approx(1 / 3)
    assert found["precision_down"] == 1.0
    assert found["recall_down"] == pytest.approx(1 / 2)
    assert found["f1_up"] == pytest.approx(2 / 5)
    assert found["f1_down"] == pytest.approx(2 / 3)


def test_f1_at_its_ends():
    assert f1(0.0, 0.0) == 0.0
    assert np.isnan(f1(np.nan, 0.5))


def test_icir_is_the_mean_over_the_deviation_of_each_sessions_own():
    rng = np.random.default_rng(0)
    edge, label = rng.standard_normal((2, 12))
    session = np.repeat(np.array(["2023-01-02", "2023-01-03", "2023-01-04"], "M8[D]"), [5, 5, 2])
    each = [stats.spearmanr(edge[a:b], label[a:b])[0] for a, b in ((0, 5), (5, 10))]
    found = information_ratio(edge, label, session)
    assert found == pytest.approx(np.mean(each) / np.std(each, ddof=1))
    shuffled = rng.permutation(12)
    assert information_ratio(edge[shuffled], label[shuffled], session[shuffled]) == pytest.approx(
        found
    )
    assert np.isnan(information_ratio(edge[:5], label[:5], session[:5]))


def test_correlations_are_scipys_ties_included():
    rng = np.random.default_rng(0)
    edge = rng.integers(-3, 4, 200) / 3
    label = 0.2 * edge + rng.standard_normal(200)
    found = forecast_metrics(table(edge, label))
    assert found["ic"] == pytest.approx(stats.pearsonr(edge, label)[0])
    assert found["rank_ic"] == pytest.approx(stats.spearmanr(edge, label)[0])


def test_rmse_is_against_saying_zero():
    found = forecast_metrics(table([1, 1], [3.0, 4.0], expected=[3.0, 4.0]))
    assert found["rmse"] == 0
    assert found["rmse_ratio"] == 0
    found = forecast_metrics(table([1, 1], [3.0, 4.0], expected=[0.0, 0.0]))
    assert found["rmse_ratio"] == 1
    assert "rmse" not in forecast_metrics(table([1, 1], [3.0, 4.0]))


def test_nothing_to_score_is_nan():
    found = forecast_metrics(table([np.nan], [1.0]))
    assert found["rows"] == 0
    assert np.isnan(found["directional_accuracy"])
    assert np.isnan(found["rank_ic"])


def test_calibration_has_equal_bins_and_hand_means():
    edge = np.arange(20) / 20
    found = calibration(table(edge, np.repeat([-1.0, 3.0], 10)), bins=2)
    assert found["rows"].tolist() == [10, 10]
    assert found["mean_return"].tolist() == [-1.0, 3.0]
    assert found["share_up"].tolist() == [0.0, 1.0]
    assert calibration(table(np.ones(9), np.ones(9))).empty
