from __future__ import annotations

import numpy as np

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.day_of_week import DayOfWeek
from fints_pipeline_tests.hand import hand_bars, opens


def test_the_days_of_a_week_lie_on_the_circle() -> None:
    days = [f"2024-03-{4 + d:02d}" for d in range(7)]
    got = DayOfWeek().compute(Bars(hand_bars(opens(*[1] * 7), sessions=days)))
    angle = 2 * np.pi * np.arange(7) / 7
    np.testing.assert_allclose(got["day_of_week_sin"], np.sin(angle), atol=1e-15)
    np.testing.assert_allclose(got["day_of_week_cos"], np.cos(angle), atol=1e-15)


def test_the_session_counts_and_not_the_stamp() -> None:
    bars = hand_bars(opens(1), sessions=["2024-03-04"])
    bars["open_time"] -= np.timedelta64(1, "D")
    assert DayOfWeek().compute(Bars(bars))["day_of_week_cos"][0] == 1
