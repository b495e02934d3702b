from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.time_of_day import TimeOfDay
from fints_pipeline_tests.hand import hand_bars, opens


def bars_at(*minutes: float, close: str = "21:00") -> pd.DataFrame:
    bars = hand_bars(opens(*[1] * len(minutes)))
    start = pd.Timestamp("2024-03-04 14:30", tz="UTC")
    return bars.assign(
        open_time=start + pd.to_timedelta(list(minutes), unit="min"),
        session_close=pd.Timestamp(f"2024-03-04 {close}", tz="UTC"),
    )


def test_quarters_of_a_session() -> None:
    got = TimeOfDay(harmonics=2).compute(Bars(bars_at(0, 97.5, 195, 292.5)))
    assert tuple(got) == TimeOfDay(harmonics=2).columns
    np.testing.assert_allclose(got["time_of_day_sin_1"], [0, 1, 0, -1], atol=1e-15)
    np.testing.assert_allclose(got["time_of_day_cos_1"], [1, 0, -1, 0], atol=1e-15)
    np.testing.assert_allclose(got["time_of_day_cos_2"], [1, -1, 1, -1], atol=1e-15)


def test_a_half_day_runs_through_the_circle_faster() -> None:
    got = TimeOfDay(harmonics=1).compute(Bars(bars_at(97.5, close="17:45")))
    np.testing.assert_allclose(got["time_of_day_cos_1"], [-1], atol=1e-15)


def test_null_where_the_calendar_knows_no_session() -> None:
    bars = bars_at(0, 5)
    bars.loc[1, "session_open"] = pd.NaT
    assert np.isnan(TimeOfDay().compute(Bars(bars))["time_of_day_sin_1"]).tolist() == [False, True]
