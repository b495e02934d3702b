"""TreeSHAP against Shapley values by their definition, on trees small enough for all subsets."""

from itertools import combinations
from math import factorial

import lightgbm
import numpy as np
import pytest

from fints_pipeline.explain.trees import TOLERANCE, tree_shap
from fints_pipeline.models.lightgbm import Estimator, LightgbmConfig, fit

FEATURES = 3


@pytest.fixture(scope="module")
def samples() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, FEATURES))
    return x, x[:, 0] * (x[:, 1] > 0) + 0.3 * x[:, 2]


def expectation(node: dict, row: np.ndarray, known: frozenset[int]) -> float:
    """A tree's value with some features known, the others averaged by the training samples."""
    if "leaf_value" in node:
        return float(node["leaf_value"])
    left, right = node["left_child"], node["right_child"]
    if node["split_feature"] in known:
        goes_left = row[node["split_feature"]] <= node["threshold"]
        return expectation(left if goes_left else right, row, known)
    counts = [side.get("internal_count", side.get("leaf_count")) for side in (left, right)]
    values = [expectation(side, row, known) for side in (left, right)]
    return float(np.average(values, weights=counts))


def by_definition(booster: lightgbm.Booster, row: np.ndarray) -> np.ndarray:
    trees = [tree["tree_structure"] for tree in booster.dump_model()["tree_info"]]

    def value(known: frozenset[int]) -> float:
        return sum(expectation(tree, row, known) for tree in trees)

    found = np.zeros(FEATURES)
    for one in range(FEATURES):
        rest = [other for other in range(FEATURES) if other != one]
        for size in range(FEATURES):
            weight = factorial(size) * factorial(FEATURES - size - 1) / factorial(FEATURES)
            for chosen in combinations(rest, size):
                known = frozenset(chosen)
                found[one] += weight * (value(known | {one}) - value(known))
    return found


def small(objective: str, samples: tuple[np.ndarray, np.ndarray], **more: object) -> Estimator:
    config = LightgbmConfig(
        objective=objective, trees=4, leaves=6, leaf_samples=10, features=1.0,
        samples=1.0, **more,
    )  # fmt: skip
    x, y = samples
    return fit(config, x, np.digitize(y, [-0.3, 0.3]) if objective == "classification" else y)


def test_tree_shap_is_the_shapley_value(samples: tuple[np.ndarray, np.ndarray]) -> None:
    estimator = small("regression", samples)
    rows = samples[0][:10]
    found = tree_shap(estimator, rows, (0, 0))
    wanted = [by_definition(estimator.boosters[0], row) for row in rows]
    np.testing.assert_allclose(found.values, wanted, atol=1e-10)


def test_the_parts_sum_to_the_log_odds(samples: tuple[np.ndarray, np.ndarray]) -> None:
    estimator = small("classification", samples, classes=3)
    rows = samples[0][:50]
    found = tree_shap(estimator, rows, (2, 0))
    p = estimator.boosters[0].predict(rows)
    np.testing.assert_allclose(found.level, np.log(p[:, 2] / p[:, 0]), atol=1e-9)
    assert found.error < TOLERANCE


def test_of_quantiles_the_middle_one_is_read(samples: tuple[np.ndarray, np.ndarray]) -> None:
    estimator = small("quantile", samples, quantiles=(0.1, 0.5, 0.9))
    rows = samples[0][:5]
    found = tree_shap(estimator, rows, (0, 0))
    np.testing.assert_allclose(found.level, estimator.boosters[1].predict(rows), atol=1e-12)
    assert found.error < TOLERANCE
