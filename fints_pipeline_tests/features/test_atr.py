from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.features.atr import Atr
from fints_pipeline.features.bars import Bars
from fints_pipeline_tests.hand import hand_bars
from fints_pipeline_tests.strategies import random_bars


def test_by_hand() -> None:
    # True ranges: none, 9 − 6 = 3, a gap up 12 − 8 = 4, after a 2:1 split (6 − 5) × 2 = 2.
    rows = [(5, 6, 4, 6), (6, 9, 6, 8), (11, 12, 11, 12), (5, 6, 5, 5)]
    bars = hand_bars(rows, split_factor=[1, 1, 1, 2])
    np.testing.assert_allclose(Atr(window=2).compute(Bars(bars))["atr_2"], [np.nan, np.nan, 3.5, 3])
    relative = Atr(window=2, relative=True).compute(Bars(bars))["atr_2_relative"]
    np.testing.assert_allclose(relative, [np.nan, np.nan, 3.5 / 12, 3 / 10])


def test_equals_its_pandas_twin() -> None:
    bars = random_bars(300, 6)
    before = bars["close"].shift()
    ranges = [bars["high"] - bars["low"], bars["high"] - before, before - bars["low"]]
    expected = pd.concat(ranges, axis=1).max(axis=1, skipna=False).rolling(14).mean()
    np.testing.assert_allclose(Atr().compute(Bars(bars))["atr_14"], expected, rtol=1e-9)
