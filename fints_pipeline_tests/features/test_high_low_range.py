from __future__ import annotations

import math

import numpy as np

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.high_low_range import HighLowRange
from fints_pipeline_tests.hand import hand_bars


def test_by_hand() -> None:
    bars = hand_bars([(3, 4, 2, 3), (5, 5, 5, 5)], split_factor=[1, 3])
    got = HighLowRange().compute(Bars(bars))["high_low_range"]
    np.testing.assert_allclose(got, [math.log(2), 0])
