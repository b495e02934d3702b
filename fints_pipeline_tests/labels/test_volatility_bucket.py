from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.labels.volatility_bucket import VolatilityBucket
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars


def test_equal_to_its_pandas_twin() -> None:
    bars = random_bars(600, 4, splits=0.1)
    label = VolatilityBucket(horizon=5, window=50, buckets=4)
    close = bars["close"] * bars["split_factor"]
    variance = (np.log(close).diff() ** 2).rolling(5).sum()
    ahead = variance.shift(-5)
    below = pd.concat([(variance.shift(k) < ahead - 1e-15) for k in range(50)], axis=1)
    expected = np.minimum(3, np.floor(4 * below.sum(axis=1) / 50))
    known = ahead.notna() & variance.shift(49).notna()
    value, end = label.compute(bars)
    np.testing.assert_array_equal(value, expected.where(known))
    np.testing.assert_array_equal(
        pd.Series(end).dt.tz_localize("UTC")[known], bars["close_time"].shift(-5)[known]
    )
    assert set(value[known]) == {0.0, 1.0, 2.0, 3.0}


def test_what_is_wilder_than_ever_is_in_the_last_bucket() -> None:
    prices = np.exp(np.r_[0.0, 0.0, np.cumsum([0.01, -0.01, 0.011, -0.012, 0.5, 0.0, 0.0])])
    value, _ = VolatilityBucket(horizon=1, window=3).compute(hand_bars(opens(*prices)))
    assert value[5] == 2
    assert value[6] == 0
    assert np.isnan(value[-1:]).all()


def test_buckets_are_even_in_a_market_without_memory() -> None:
    rng = np.random.default_rng(0)
    bars = hand_bars(opens(*np.exp(np.cumsum(rng.normal(0, 1e-3, 6_000)))))
    value, _ = VolatilityBucket(horizon=3, window=200).compute(bars)
    shares = pd.Series(value).value_counts(normalize=True)
    assert shares.between(0.29, 0.38).all()
