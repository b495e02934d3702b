from __future__ import annotations

import math

import numpy as np

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.log_return import LogReturn
from fints_pipeline_tests.hand import hand_bars
from fints_pipeline_tests.strategies import random_bars

TWO_SESSIONS = ["2024-03-04", "2024-03-04", "2024-03-05", "2024-03-05"]
ROWS = [(10, 10, 10, 10), (10, 20, 10, 20), (40, 80, 40, 80), (80, 80, 40, 40)]


def test_the_first_bar_of_a_session_is_split_in_two() -> None:
    got = LogReturn().compute(Bars(hand_bars(ROWS, sessions=TWO_SESSIONS)))
    ln2 = math.log(2)
    np.testing.assert_allclose(got["log_return"], [np.nan, ln2, 2 * ln2, -ln2])
    np.testing.assert_allclose(got["overnight_return"], [np.nan, 0, ln2, 0])
    np.testing.assert_allclose(got["intraday_return"], [np.nan, ln2, ln2, -ln2])


def test_a_split_is_no_return() -> None:
    rows = [(10, 10, 10, 10), (10, 10, 10, 10), (5, 5, 5, 5), (5, 5, 5, 5)]
    bars = hand_bars(rows, sessions=TWO_SESSIONS, split_factor=[1, 1, 2, 2])
    for column in LogReturn().compute(Bars(bars)).values():
        assert (column[1:] == 0).all()


def test_the_parts_add_up() -> None:
    bars = random_bars(300, 4, splits=0.5)
    got = LogReturn().compute(Bars(bars))
    parts = got["overnight_return"] + got["intraday_return"]
    np.testing.assert_allclose(parts, got["log_return"], atol=1e-14)
    assert (got["overnight_return"][1:] != 0).sum() > 10
