from __future__ import annotations

import math

import numpy as np

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.moving_average_distance import MovingAverageDistance
from fints_pipeline_tests.hand import hand_bars, opens


def test_by_hand_through_a_split() -> None:
    bars = hand_bars(opens(2, 4, 3), split_factor=[1, 1, 2])
    got = MovingAverageDistance(window=2).compute(Bars(bars))["moving_average_distance_2"]
    np.testing.assert_allclose(got, [np.nan, math.log(4 / 3), math.log(6 / 5)])
