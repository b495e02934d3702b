"""Scores of distributions: hand values, closed forms, and what proper scores must prefer."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from fints_pipeline.evaluation.distribution import (
    LEVELS,
    distribution_metrics,
    pinball,
    probability_metrics,
    probability_reliability,
    quantile_histogram,
    quantile_reliability,
)


def table(label, quantiles: np.ndarray | None = None, p_up=np.nan) -> pd.DataFrame:
    frame = pd.DataFrame({"label": np.asarray(label, float), "p_up": p_up})
    for place, name in enumerate(LEVELS):
        frame[name] = (
            np.nan if quantiles is None else np.broadcast_to(quantiles, (len(frame), 7))[:, place]
        )
    return frame


def normal(scale: float = 1.0) -> np.ndarray:
    return stats.norm.ppf(list(LEVELS.values())) * scale


def test_pinball_by_hand():
    loss = pinball(np.array([2.0, -1.0]), np.array([[1.0], [1.0]]), np.array([0.9]))
    assert loss.ravel() == pytest.approx([0.9 * 1, 0.1 * 2])


def test_crps_by_hand():
    """All quantiles at 1, the return 3: twice the sum of level × width × 2."""
    found = distribution_metrics(table([3.0], np.ones(7)))
    widths = [0.075, 0.1, 0.2, 0.25, 0.2, 0.1, 0.075]
    expected = 2 * sum(
        level * width * 2 for level, width in zip(LEVELS.values(), widths, strict=True)
    )
    assert found["crps"] == pytest.approx(expected)
    # A point forecast has its absolute error as CRPS; the levels are symmetric, so it is exact.
    assert found["crps"] == pytest.approx(2.0)


def test_crps_is_near_the_normals_closed_form():
    """Gneiting and Raftery (2007): y (2 F(y) - 1) + 2 f(y) - 1 / √π, within 4 %."""
    label = np.random.default_rng(0).standard_normal(20_000)
    exact = label * (2 * stats.norm.cdf(label) - 1) + 2 * stats.norm.pdf(label) - 1 / np.sqrt(np.pi)
    found = distribution_metrics(table(label, normal()))["crps"]
    assert found == pytest.approx(exact.mean(), rel=0.04)


def test_the_true_distribution_scores_best_and_covers_what_it_says():
    label = np.random.default_rng(1).standard_normal(20_000)
    right, narrow, wide = (distribution_metrics(table(label, normal(s))) for s in (1, 0.6, 1.6))
    assert right["crps"] < min(narrow["crps"], wide["crps"])
    assert right["pinball"] < min(narrow["pinball"], wide["pinball"])
    for share in (50, 80, 90):
        assert right[f"coverage_{share}"] == pytest.approx(share / 100, abs=0.01)
        assert narrow[f"coverage_{share}"] < share / 100 < wide[f"coverage_{share}"]


def test_reliability_of_quantiles():
    label = np.random.default_rng(2).standard_normal(20_000)
    rows = quantile_reliability(table(label, normal()))
    assert [row["level"] for row in rows] == list(LEVELS.values())
    assert [row["observed"] for row in rows] == pytest.approx(list(LEVELS.values()), abs=0.01)


def test_levels_that_a_model_lacks_are_left_out():
    frame = table([0.5, -0.5], normal())
    frame[["q05", "q95"]] = np.nan
    found = distribution_metrics(frame)
    assert "coverage_90" not in found
    assert found["coverage_80"] == 1.0
    assert len(quantile_reliability(frame)) == 5
    assert distribution_metrics(table([0.5])) == {}
    assert quantile_reliability(table([0.5])) == []


def test_probabilities_by_hand():
    frame = table([1.0, -1.0, 1.0, 0.0], p_up=[0.9, 0.9, 0.2, 0.2])
    found = probability_metrics(frame)
    assert found["brier"] == pytest.approx((0.01 + 0.81 + 0.64 + 0.04) / 4)
    assert found["brier_base"] == pytest.approx(0.25)
    assert found["calibration_error"] == pytest.approx((2 * 0.4 + 2 * 0.3) / 4)
    assert probability_reliability(frame) == [
        {"said": pytest.approx(0.2), "observed": 0.5, "rows": 2},
        {"said": pytest.approx(0.9), "observed": 0.5, "rows": 2},
    ]
    assert probability_metrics(table([1.0])) == {}
    assert probability_reliability(table([1.0], p_up=[1.0]))[0]["said"] == 1.0


def test_the_histogram_is_flat_for_the_truth_and_shows_what_is_wrong():
    label = np.random.default_rng(2).standard_normal(20_000)
    right, narrow, low = (
        np.array([row["observed"] / row["expected"] for row in quantile_histogram(table(label, q))])
        for q in (normal(), normal(0.5), normal() - 1)
    )
    assert len(right) == len(LEVELS) + 1
    assert right == pytest.approx(np.ones(8), abs=0.1)
    assert min(narrow[0], narrow[-1]) > 2 > 1 > narrow[3]
    assert low[-1] > 2 > 1 > low[0]
    rows = quantile_histogram(table(label, normal()))
    assert sum(row["expected"] for row in rows) == pytest.approx(1)
    assert sum(row["observed"] for row in rows) == pytest.approx(1)
    assert quantile_histogram(table(label)) == []
