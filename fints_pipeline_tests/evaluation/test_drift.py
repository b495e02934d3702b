import numpy as np
import pytest

from fints_pipeline.evaluation.drift import LARGE, MODERATE, category_index, stability_index

RANDOM = np.random.default_rng(0)
NORMAL = RANDOM.normal(size=20_000)


def by_hand(before, now, bins=10):
    """The definition, value by value."""
    cuts = np.quantile(before[np.isfinite(before)], np.linspace(0, 1, bins + 1)[1:-1])
    total = 0.0
    for low, high in zip([-np.inf, *cuts], [*cuts, np.inf], strict=True):
        p, q = (max(np.mean((v >= low) & (v < high)), 1e-4) for v in (before, now))
        total += (q - p) * np.log(q / p)
    missing = [max(np.mean(~np.isfinite(v)), 1e-4) for v in (before, now)]
    if max(missing) > 1e-4:
        total += (missing[1] - missing[0]) * np.log(missing[1] / missing[0])
    return total


def test_nothing_moved():
    assert stability_index(NORMAL, NORMAL) == pytest.approx(0, abs=1e-12)
    assert stability_index(NORMAL[:10_000], NORMAL[10_000:]) < MODERATE / 5


@pytest.mark.parametrize("change", [lambda x: x + 1, lambda x: 3 * x, lambda x: np.abs(x)])
def test_what_moved_a_lot_is_large_and_agrees_with_the_definition(change):
    now = change(RANDOM.normal(size=5_000))
    assert stability_index(NORMAL, now) > LARGE
    assert stability_index(NORMAL, now) == pytest.approx(by_hand(NORMAL, now))


def test_missing_values_count():
    now = NORMAL.copy()
    now[::4] = np.nan
    assert stability_index(NORMAL, now) == pytest.approx(by_hand(NORMAL, now))
    assert stability_index(NORMAL, now) > LARGE


def test_a_constant_column_and_one_of_nothing():
    assert stability_index(np.ones(9), np.ones(5)) == pytest.approx(0)
    assert stability_index(np.full(9, np.nan), np.full(4, np.nan)) == pytest.approx(0)
    assert stability_index(np.ones(9), np.full(5, 2.0)) == pytest.approx(0)  # beyond the only edge


def test_categories():
    before, now = np.array([0, 0, 1, 1]), np.array([0, 1, 1, 1])
    expected = (0.25 - 0.5) * np.log(0.25 / 0.5) + (0.75 - 0.5) * np.log(0.75 / 0.5)
    assert category_index(before, now) == pytest.approx(expected)
    assert category_index(before, np.array([2, 2])) > LARGE
