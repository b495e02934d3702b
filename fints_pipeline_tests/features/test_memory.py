"""Autocorrelation, variance ratio, fractional difference and slope against independent twins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError
from scipy.special import binom

from fints_pipeline.features.autocorrelation import Autocorrelation
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.fractional_difference import FractionalDifference, weights
from fints_pipeline.features.moving_average_slope import MovingAverageSlope
from fints_pipeline.features.variance_ratio import VarianceRatio
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars

BARS = random_bars(1_200, 2, splits=0.2)
CLOSE = BARS["close"] * BARS["split_factor"]
RETURNS = np.log(CLOSE).diff()


@pytest.mark.parametrize("lag", [1, 4])
def test_autocorrelation_equals_its_twin(lag: int) -> None:
    def of(window: np.ndarray) -> float:
        centred = window - window.mean()
        products = np.correlate(centred, centred, mode="full")
        return float(products[len(window) - 1 + lag] / products[len(window) - 1])

    got = Autocorrelation(window=40, lag=lag).compute(Bars(BARS))[f"autocorrelation_{lag}_40"]
    np.testing.assert_allclose(got, RETURNS.rolling(40).apply(of, raw=True), atol=1e-9)


def test_variance_ratio_equals_its_twin() -> None:
    n, q = 40, 5

    def of(window: np.ndarray) -> float:
        mean = window.mean()
        longer = np.convolve(window, np.ones(q), mode="valid")
        m = q * (n - q + 1) * (1 - q / n)
        return float(((longer - q * mean) ** 2).sum() / m / window.var(ddof=1))

    got = VarianceRatio(window=n, period=q).compute(Bars(BARS))["variance_ratio_5_40"]
    np.testing.assert_allclose(got, RETURNS.rolling(n).apply(of, raw=True), rtol=1e-8)


def test_both_tell_a_trend_from_a_random_walk_and_from_reversal() -> None:
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 1e-3, 3_000)
    trend = np.convolve(noise, [1, 0.8, 0.6], mode="same")
    reversal = noise - 0.7 * np.r_[0, noise[:-1]]
    scores = []
    for returns in (reversal, noise, trend):
        bars = Bars(hand_bars(opens(*np.exp(np.cumsum(returns)))))
        ratio = VarianceRatio(window=2_000).compute(bars)["variance_ratio_5_2000"][-1]
        own = Autocorrelation(window=2_000).compute(bars)["autocorrelation_1_2000"][-1]
        scores.append((ratio, own))
    (low, below), (one, zero), (high, above) = scores
    assert low < 0.7 < 0.85 < one < 1.15 < 1.5 < high
    assert below < -0.3 < -0.06 < zero < 0.06 < 0.3 < above


def test_returns_that_do_not_differ_are_neutral() -> None:
    bars = Bars(hand_bars(opens(*[5] * 30)))
    assert (VarianceRatio(window=10).compute(bars)["variance_ratio_5_10"][10:] == 1).all()
    assert (Autocorrelation(window=10).compute(bars)["autocorrelation_1_10"][10:] == 0).all()


def test_what_does_not_fit_the_window_is_refused() -> None:
    with pytest.raises(ValidationError, match="shorter"):
        Autocorrelation(window=5, lag=5)
    with pytest.raises(ValidationError, match="shorter"):
        VarianceRatio(window=5, period=5)


@pytest.mark.parametrize("order", [0.4, 1.0, 1.3])
def test_weights_are_the_binomial_series(order: float) -> None:
    k = np.arange(30)
    np.testing.assert_allclose(weights(order, 30), (-1.0) ** k * binom(order, k), atol=1e-14)


def test_fractional_difference_equals_a_convolution() -> None:
    feature = FractionalDifference(order=0.4, window=100)
    assert feature.columns == ("fractional_difference_0p4_100",)
    expected = np.convolve(np.log(CLOSE), weights(0.4, 100), mode="valid")
    np.testing.assert_allclose(feature.compute(Bars(BARS))[feature.columns[0]][99:], expected)


def test_order_one_is_the_log_return() -> None:
    got = FractionalDifference(order=1.0, window=5).compute(Bars(BARS))["fractional_difference_1_5"]
    np.testing.assert_allclose(got[4:], RETURNS[4:], atol=1e-14)


def test_slope_equals_its_pandas_twin() -> None:
    mean = CLOSE.rolling(20).mean()
    got = MovingAverageSlope().compute(Bars(BARS))["moving_average_slope_20_5"]
    np.testing.assert_allclose(got, np.log(mean / mean.shift(5)) / 5, atol=1e-12)
    steady = hand_bars(opens(*np.exp(0.01 * np.arange(30))))
    slope = MovingAverageSlope(window=3, span=4).compute(Bars(steady))["moving_average_slope_3_4"]
    np.testing.assert_allclose(slope[6:], 0.01)
    assert isinstance(mean, pd.Series)
