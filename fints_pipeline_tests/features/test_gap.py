from __future__ import annotations

import math

import numpy as np

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.gap import Gap
from fints_pipeline_tests.hand import hand_bars, opens


def test_by_hand() -> None:
    # True ranges: none, 2, 4, 9; the gap into bar 3 is measured by those before it.
    rows = [(8, 9, 7, 8), (8, 9, 7, 8), (9, 12, 8, 12), (18, 21, 18, 20)]
    got = Gap(window=2).compute(Bars(hand_bars(rows)))
    np.testing.assert_allclose(got["gap"], [np.nan, 0, math.log(9 / 8), math.log(1.5)])
    np.testing.assert_allclose(got["gap_atr_2"], [np.nan, np.nan, np.nan, 6 / 3])


def test_a_gap_out_of_a_market_that_stood_still_is_zero_in_ranges() -> None:
    got = Gap(window=2).compute(Bars(hand_bars(opens(5, 5, 5, 6))))
    assert got["gap_atr_2"][3] == 0
    assert got["gap"][3] > 0
