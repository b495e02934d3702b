from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.realised_volatility import RealisedVolatility
from fints_pipeline.features.volatility_zscore import VolatilityZscore
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars


def test_equals_the_zscore_of_the_volatility_column() -> None:
    bars = random_bars(300, 3, splits=0.3)
    column = pd.Series(RealisedVolatility(window=10).compute(Bars(bars))["realised_volatility_10"])
    expected = (column - column.rolling(30).mean()) / column.rolling(30).std()
    got = VolatilityZscore(window=10, baseline=30).compute(Bars(bars))["volatility_zscore_10_30"]
    np.testing.assert_allclose(got, expected, rtol=1e-6, atol=1e-9)
    assert np.isnan(got[:39]).all()
    assert not np.isnan(got[39:]).any()


def test_a_market_that_stands_still_is_not_unusual() -> None:
    bars = hand_bars(opens(*[7.0] * 10))
    got = VolatilityZscore(window=2, baseline=3).compute(Bars(bars))["volatility_zscore_2_3"]
    np.testing.assert_array_equal(got, [np.nan] * 4 + [0.0] * 6)
