"""Intraday seasonality and the volume score of a slot, against a slow twin and by hand."""

from __future__ import annotations

import statistics

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.intraday_seasonality import IntradaySeasonality
from fints_pipeline.features.slot_volume_zscore import SlotVolumeZscore
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars


def seen_in_slot(bars: pd.DataFrame, values: pd.Series, sessions: int) -> list[list[float]]:
    """Return for each bar its slot's values in the sessions before, oldest first."""
    days = list(dict.fromkeys(bars["session"]))
    slot = bars["open_time"] - bars["session_open"]
    table = {(day, at): value for day, at, value in zip(bars["session"], slot, values, strict=True)}
    rows = []
    for day, at in zip(bars["session"], slot, strict=True):
        place = days.index(day)
        found = [table.get((d, at)) for d in days[max(0, place - sessions) : place]]
        rows.append([v for v in found if v is not None and not np.isnan(v)])
    return rows


@pytest.mark.parametrize("sessions", [1, 2, 5])
def test_seasonality_equals_its_slow_twin(sessions: int) -> None:
    bars = random_bars(400, 4, sessions=9, missing=0.2, splits=0.2)
    close = bars["close"] * bars["split_factor"]
    returns = np.log(close / close.shift())
    seen = seen_in_slot(bars, returns**2, sessions)
    variance = np.array(
        [statistics.fmean(v) if v and 2 * len(v) >= sessions else np.nan for v in seen]
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        scaled = np.where(variance == 0, 0.0, returns / np.sqrt(variance))
    got = IntradaySeasonality(sessions=sessions).compute(Bars(bars))
    np.testing.assert_allclose(got[f"slot_variance_{sessions}"], variance, rtol=1e-9)
    np.testing.assert_allclose(got[f"deseasonalised_return_{sessions}"], scaled, rtol=1e-9)
    assert np.isfinite(variance).any()


@pytest.mark.parametrize("sessions", [2, 5])
def test_volume_score_equals_its_slow_twin(sessions: int) -> None:
    bars = random_bars(400, 4, sessions=9, missing=0.2, volume="some", splits=0.2)
    volume = bars["volume"] / bars["split_factor"]
    expected = []
    for value, seen in zip(volume, seen_in_slot(bars, volume, sessions), strict=True):
        enough = len(seen) >= 2 and 2 * len(seen) >= sessions
        spread = statistics.stdev(seen) if enough else np.nan
        mean = statistics.fmean(seen) if enough else np.nan
        expected.append(0.0 if spread == 0 and value == value else (value - mean) / (spread or 1))
    got = SlotVolumeZscore(sessions=sessions).compute(Bars(bars))
    np.testing.assert_allclose(got[f"slot_volume_zscore_{sessions}"], expected, rtol=1e-7)
    assert np.isfinite(expected).any()


def test_by_hand() -> None:
    """Two bars a session: the second one's slot moved by 1 % and 2 % in the sessions before."""
    days = ["2024-03-04"] * 2 + ["2024-03-05"] * 2 + ["2024-03-06"] * 2
    prices = np.exp(np.cumsum([0, 0.01, 0, -0.02, 0, 0.03]))
    got = IntradaySeasonality(sessions=2).compute(Bars(hand_bars(opens(*prices), sessions=days)))
    np.testing.assert_allclose(got["slot_variance_2"][5], (0.01**2 + 0.02**2) / 2)
    np.testing.assert_allclose(
        got["deseasonalised_return_2"][5], 0.03 / np.sqrt((0.01**2 + 0.02**2) / 2)
    )


def test_a_slot_that_is_always_the_same_has_no_score() -> None:
    days = ["2024-03-04", "2024-03-05", "2024-03-06"]
    bars = hand_bars(opens(1, 1, 1), sessions=days, volume=[7, 7, 9])
    assert SlotVolumeZscore(sessions=2).compute(Bars(bars))["slot_volume_zscore_2"][2] == 0


def test_a_session_that_the_calendar_does_not_know_has_no_slot() -> None:
    bars = random_bars(60, 2, sessions=5, missing=0.0)
    bars["session_open"] = bars["session_open"].where(bars.index < 40)
    got = IntradaySeasonality(sessions=1).compute(Bars(bars))["slot_variance_1"]
    assert np.isnan(got[40:]).all()
    assert np.isfinite(got[20:40]).mean() > 0.5
