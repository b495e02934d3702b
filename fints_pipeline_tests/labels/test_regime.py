from __future__ import annotations

import math

import numpy as np
import pandas as pd

from fints_pipeline.labels.regime import Regime
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars

NAN = math.nan


def test_by_hand() -> None:
    steps = [0, 0.01, 0.01, 0.01, -0.01, 0.01, -0.01, -0.01, -0.01]
    rows = [
        (math.exp(a), math.exp(b), math.exp(a), math.exp(b))
        for a, b in zip(np.r_[0, np.cumsum(steps)[:-1]], np.cumsum(steps), strict=True)
    ]
    value, end = Regime(horizon=3, threshold=0.9).compute(hand_bars(rows))
    np.testing.assert_array_equal(value, [1, 0, 0, 0, 0, -1, NAN, NAN, NAN])
    assert end[0] == hand_bars(rows)["close_time"].dt.tz_localize(None)[3]


def test_equal_to_its_pandas_twin() -> None:
    bars = random_bars(400, 7, splits=0.1)
    h = 6
    price = bars[["open", "close"]].mul(bars["split_factor"], axis=0)
    entry, last = price["open"].shift(-1), price["close"].shift(-h)
    move = np.log(last / entry)
    steps = np.log(price["close"]).diff().abs()
    path = np.log(price["close"].shift(-1) / entry).abs() + steps.rolling(h - 1).sum().shift(-h)
    expected = np.sign(move) * (move.abs() >= 0.4 * path)
    value, _ = Regime(horizon=h, threshold=0.4).compute(bars)
    np.testing.assert_array_equal(value, expected)
    assert set(pd.Series(value).dropna()) == {-1.0, 0.0, 1.0}


def test_a_market_that_stands_still_ranges() -> None:
    value, _ = Regime(horizon=2).compute(hand_bars(opens(5, 5, 5, 5)))
    np.testing.assert_array_equal(value, [0, 0, NAN, NAN])
