from __future__ import annotations

import math

import numpy as np

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.realised_volatility import RealisedVolatility
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars


def test_by_hand() -> None:
    got = RealisedVolatility(window=2).compute(Bars(hand_bars(opens(1, 2, 1, 1))))
    ln2 = math.log(2)
    expected = [np.nan, np.nan, math.sqrt(2) * ln2, ln2]
    np.testing.assert_allclose(got["realised_volatility_2"], expected)


def test_equals_its_pandas_twin() -> None:
    bars = random_bars(300, 3, splits=0.3)
    returns = np.log(bars["close"] * bars["split_factor"]).diff()
    expected = (returns**2).rolling(20).sum() ** 0.5
    got = RealisedVolatility().compute(Bars(bars))["realised_volatility_20"]
    np.testing.assert_allclose(got, expected, rtol=1e-6)
