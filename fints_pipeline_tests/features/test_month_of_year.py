from __future__ import annotations

import numpy as np

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.month_of_year import MonthOfYear
from fints_pipeline_tests.hand import hand_bars, opens


def test_by_hand() -> None:
    days = ["2024-01-31", "2024-04-01", "2024-07-01", "2024-12-31", "2025-01-02"]
    got = MonthOfYear().compute(Bars(hand_bars(opens(*[1] * 5), sessions=days)))
    angle = 2 * np.pi * np.array([0, 3, 6, 11, 0]) / 12
    np.testing.assert_allclose(got["month_of_year_sin"], np.sin(angle), atol=1e-15)
    np.testing.assert_allclose(got["month_of_year_cos"], np.cos(angle), atol=1e-15)
