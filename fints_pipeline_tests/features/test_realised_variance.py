from __future__ import annotations

import math

import numpy as np
import pandas as pd

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.realised_variance import RealisedVariance
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars


def slow(bars: pd.DataFrame, window: int) -> pd.DataFrame:
    """The obvious twin: bar by bar, with lists."""
    close = (bars["close"] * bars["split_factor"]).tolist()
    open_ = (bars["open"] * bars["split_factor"]).tolist()
    day = bars["session"].tolist()
    rows = []
    for t in range(len(bars)):
        if t < window:
            rows.append((math.nan, math.nan, math.nan))
            continue
        seen = range(t - window + 1, t + 1)
        move = {
            i: math.log(close[i] / (close[i - 1] if day[i] == day[i - 1] else open_[i]))
            for i in seen
        }
        variance = sum(r * r for r in move.values())
        pairs = [abs(move[i] * move[i - 1]) for i in seen if i - 1 in move and day[i] == day[i - 1]]
        bipower = math.pi / 2 * window * sum(pairs) / len(pairs) if pairs else variance
        rows.append((variance, bipower, max(0, 1 - bipower / variance) if variance else 0))
    return pd.DataFrame(rows)


def test_equal_to_the_slow_twin() -> None:
    bars = random_bars(300, 3, sessions=7, splits=0.3)
    for window in (2, 3, 20):
        got = pd.DataFrame(RealisedVariance(windows=(window,)).compute(Bars(bars)))
        np.testing.assert_allclose(got, slow(bars, window), rtol=1e-9, atol=1e-15)


def test_the_step_overnight_does_not_enter() -> None:
    calm = hand_bars(opens(5, 5, 5, 9, 9, 9), sessions=["2024-03-04"] * 3 + ["2024-03-05"] * 3)
    variance, bipower, jump = RealisedVariance(windows=(3,)).compute(Bars(calm)).values()
    assert (variance[3:] == 0).all()
    assert (bipower[3:] == 0).all()
    assert (jump[3:] == 0).all()


def test_a_jump_is_told_from_a_steady_walk() -> None:
    steady = np.exp(np.cumsum(np.tile([0.01, -0.01], 20)))
    jump = np.exp(np.cumsum([1e-4, -1e-4] * 10 + [0.05] + [1e-4, -1e-4] * 9 + [1e-4]))
    for prices, low, high in ((steady, 0.0, 0.0), (jump, 0.95, 1.0)):
        got = RealisedVariance(windows=(30,)).compute(Bars(hand_bars(opens(*prices))))
        assert low <= got["jump_share_30"][-1] <= high


def test_sessions_of_one_bar_have_no_neighbours() -> None:
    rows = [(4, 6, 4, 6), (5, 6, 4, 4), (6, 6, 6, 6)]
    bars = hand_bars(rows, sessions=["2024-03-04", "2024-03-05", "2024-03-06"])
    got = RealisedVariance(windows=(2,)).compute(Bars(bars))
    assert got["bipower_variation_2"][2] == got["realised_variance_2"][2] > 0
    assert got["jump_share_2"][2] == 0
