from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import norm

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.volume_imbalance import VolumeImbalance
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars

W = 10


def test_equal_to_its_pandas_twin() -> None:
    bars = random_bars(400, 6, splits=0.2)
    prices = bars[["high", "low", "close"]].mul(bars["split_factor"], axis=0)
    volume = bars["volume"] / bars["split_factor"]
    change = prices["close"].diff()
    spread = change.rolling(W).std()
    bulk = 2 * norm.cdf((change / spread).where(spread > 1e-12, 0.0)) - 1
    tick = np.sign(change).replace(0.0, np.nan).ffill(limit=W - 1).fillna(0.0)
    size = prices["high"] - prices["low"]
    location = ((2 * prices["close"] - prices["high"] - prices["low"]) / size).fillna(0.0)
    got = VolumeImbalance(window=W).compute(Bars(bars))
    for sign, column in zip((bulk, tick, location), got.values(), strict=True):
        expected = (pd.Series(sign) * volume).rolling(W).sum() / volume.rolling(W).sum()
        np.testing.assert_allclose(column[2 * W :], expected[2 * W :], rtol=1e-7, atol=1e-9)
        assert (np.abs(column[2 * W :]) <= 1 + 1e-12).all()


def test_a_rise_is_bought_and_a_fall_is_sold() -> None:
    rise = hand_bars([(p, p + 1.0, p, p + 1.0) for p in range(1, 21)])
    fall = hand_bars([(p + 1.0, p + 1.0, p, float(p)) for p in range(20, 0, -1)])
    for bars, sign in ((rise, 1), (fall, -1)):
        got = VolumeImbalance(window=5).compute(Bars(bars))
        assert got["tick_rule_imbalance_5"][-1] == sign
        assert got["close_location_imbalance_5"][-1] == sign


def test_the_tick_rule_remembers_the_last_change_for_a_window() -> None:
    bars = hand_bars(opens(1, 2, 2, 2, 2, 2, 2, 2))
    got = VolumeImbalance(window=2).compute(Bars(bars))["tick_rule_imbalance_2"]
    np.testing.assert_array_equal(got[2:], [1, 0.5, 0, 0, 0, 0])


def test_no_trade_is_balanced_and_no_volume_is_null() -> None:
    quiet = hand_bars(opens(*range(1, 9)), volume=[0.0] * 8)
    for column in VolumeImbalance(window=2).compute(Bars(quiet)).values():
        assert (column[3:] == 0).all()
    for column in VolumeImbalance(window=2).compute(Bars(random_bars(9, volume="none"))).values():
        assert np.isnan(column).all()
