from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fints_pipeline.base import rolling

NAN = math.nan
numbers = st.floats(-1e6, 1e6, allow_nan=False, width=32) | st.just(NAN)
arrays = st.lists(numbers, max_size=40).map(lambda v: np.array(v, dtype=np.float64))
windows = st.integers(1, 12)


def slow(values: np.ndarray, window: int, of: Callable[[Sequence[float]], float]) -> list[float]:
    """The obvious twin: take each window as a list and ask Python for its statistic."""
    rows = []
    for t in range(len(values)):
        seen = values[max(0, t - window + 1) : t + 1].tolist()
        usable = len(seen) == window and not any(math.isnan(v) for v in seen)
        rows.append(of(seen) if usable else NAN)
    return rows


def add(seen: Sequence[float]) -> float:
    """Add from the oldest on; the built-in sum compensates its rounding from Python 3.12 on."""
    total = 0.0
    for value in seen:
        total += value
    return total


@given(arrays, windows)
def test_sum_and_mean_equal_their_twins_exactly(values: np.ndarray, window: int) -> None:
    np.testing.assert_array_equal(rolling.rolling_sum(values, window), slow(values, window, add))
    np.testing.assert_array_equal(
        rolling.rolling_mean(values, window), slow(values, window, lambda seen: add(seen) / window)
    )


@given(arrays, windows)
def test_extremes_equal_their_twins_exactly(values: np.ndarray, window: int) -> None:
    np.testing.assert_array_equal(rolling.rolling_max(values, window), slow(values, window, max))
    np.testing.assert_array_equal(rolling.rolling_min(values, window), slow(values, window, min))


@pytest.mark.parametrize("window", [1, 2, 7, 512, 700])
def test_more_rows_than_a_block_equal_their_twins_exactly(window: int) -> None:
    values = np.random.default_rng(1).normal(size=2 * rolling.BLOCK + 300)
    values[[0, 700]] = NAN
    for got, of in (
        (rolling.rolling_sum(values, window), add),
        (rolling.rolling_max(values, window), max),
        (rolling.rolling_min(values, window), min),
    ):
        np.testing.assert_array_equal(got, slow(values, window, of))


def test_squares_about_a_given_centre_equal_their_twin_exactly() -> None:
    rng = np.random.default_rng(2)
    values, centre = rng.normal(size=(2, rolling.BLOCK + 100))
    got = rolling.squares_about(values, centre, 9)
    for t in (8, 9, rolling.BLOCK + 7, rolling.BLOCK + 8, values.size - 1):
        distances = (values[t - 8 : t + 1] - centre[t]).tolist()
        assert got[t] == add([distance * distance for distance in distances])
    assert np.isnan(got[:8]).all()


@given(arrays, st.integers(2, 12))
def test_std_equals_the_exact_one(values: np.ndarray, window: int) -> None:
    scale = np.nanmax(np.abs(values), initial=0.0)
    np.testing.assert_allclose(
        rolling.rolling_std(values, window),
        slow(values, window, statistics.stdev),
        rtol=1e-9,
        atol=1e-12 * scale,
    )


@example([0.1] * 7, 3)
@given(
    st.lists(st.sampled_from([0.1, 1 / 3, 1e300]), min_size=1, max_size=1).map(lambda v: v * 7),
    st.integers(2, 7),
)
def test_a_constant_window_has_no_spread_and_no_score(values: list[float], window: int) -> None:
    array = np.array(values)
    assert (rolling.rolling_std(array, window)[window - 1 :] == 0.0).all()
    assert (rolling.rolling_zscore(array, window)[window - 1 :] == 0.0).all()


def test_zscore_by_hand() -> None:
    got = rolling.rolling_zscore(np.array([1.0, 2.0, 3.0, 2.0]), 3)
    np.testing.assert_allclose(got, [NAN, NAN, 1.0, -1 / math.sqrt(3)], rtol=1e-12)


@pytest.mark.parametrize(
    ("numerator", "denominator", "expected"),
    [(1.0, 2.0, 0.5), (1.0, 0.0, 7.0), (0.0, 0.0, 7.0), (NAN, 0.0, NAN), (1.0, NAN, NAN)],
)
def test_ratio(numerator: float, denominator: float, expected: float) -> None:
    got = rolling.ratio(np.array([numerator]), np.array([denominator]), 7.0)
    np.testing.assert_array_equal(got, [expected])


def test_previous_and_log_ratio() -> None:
    close = np.array([1.0, math.e, math.e, 1.0])
    got = rolling.log_ratio(close, rolling.previous(close))
    np.testing.assert_allclose(got, [NAN, 1.0, 0.0, -1.0])
    assert rolling.previous(np.array([])).size == 0
    np.testing.assert_array_equal(rolling.shifted(np.array([1.0, 2, 3]), 2), [NAN, NAN, 1])
    assert np.isnan(rolling.shifted(np.array([1.0, 2]), 5)).all()


@given(st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=50), st.integers(0, 49))
def test_logarithms_and_sines_do_not_depend_on_the_place(values: list[float], start: int) -> None:
    array = np.array(values)
    part = array[start:].copy()
    whole = rolling.log_ratio(array, np.ones_like(array))
    np.testing.assert_array_equal(whole[start:], rolling.log_ratio(part, np.ones_like(part)))
    for got, expected in zip(rolling.cos_sin(part), rolling.cos_sin(array), strict=True):
        np.testing.assert_array_equal(got, expected[start:])
    np.testing.assert_allclose(whole, [math.log(v) for v in values], rtol=1e-15)


def test_cos_sin_counts_in_turns() -> None:
    cosine, sine = rolling.cos_sin(np.array([0.0, 0.25, 0.5, 1.25]))
    np.testing.assert_allclose(cosine, [1.0, 0.0, -1.0, 0.0], atol=1e-15)
    np.testing.assert_allclose(sine, [0.0, 1.0, 0.0, 1.0], atol=1e-15)
