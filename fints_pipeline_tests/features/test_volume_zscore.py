from __future__ import annotations

import math

import numpy as np

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.volume_zscore import VolumeZscore
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars


def test_by_hand() -> None:
    bars = hand_bars(opens(*[5] * 4), volume=[100, 100, 400, 400])
    got = VolumeZscore(window=3).compute(Bars(bars))["volume_zscore_3"]
    up, down = 200 / math.sqrt(30_000), 100 / math.sqrt(30_000)
    np.testing.assert_allclose(got, [np.nan, np.nan, up, down])


def test_a_split_is_no_burst_of_trading() -> None:
    bars = hand_bars(opens(6, 6, 3, 3), volume=[50, 50, 100, 100], split_factor=[1, 1, 2, 2])
    got = VolumeZscore(window=2).compute(Bars(bars))["volume_zscore_2"]
    np.testing.assert_array_equal(got, [np.nan, 0, 0, 0])


def test_null_without_volume() -> None:
    feature = VolumeZscore(window=2)
    assert np.isnan(feature.compute(Bars(random_bars(9, volume="none")))["volume_zscore_2"]).all()
    bars = hand_bars(opens(*[5] * 4), volume=[1, np.nan, 3, 4])
    got = feature.compute(Bars(bars))["volume_zscore_2"]
    np.testing.assert_allclose(got, [np.nan, np.nan, np.nan, math.sqrt(0.5)])
