from __future__ import annotations

import numpy as np

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.vwap_distance import VwapDistance
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars


def test_window_by_hand() -> None:
    bars = hand_bars([(2, 3, 1, 2), (4, 6, 3, 3), (5, 5, 5, 5)], volume=[1, 3, 0])
    got = VwapDistance(window=2).compute(Bars(bars))["vwap_distance_2"]
    np.testing.assert_allclose(got, [np.nan, np.log(3 / 3.5), np.log(5 / 4)])


def test_session_by_hand() -> None:
    days = ["2024-03-04"] * 2 + ["2024-03-05"] * 2
    bars = hand_bars(opens(2, 4, 8, 16), sessions=days, volume=[1, 3, 1, 1])
    got = VwapDistance(anchor="session").compute(Bars(bars))["vwap_distance_session"]
    np.testing.assert_allclose(got, [0, np.log(4 / 3.5), 0, np.log(16 / 12)])


def test_both_equal_their_pandas_twins() -> None:
    bars = random_bars(400, 8, splits=0.2)
    prices = bars[["high", "low", "close"]].mul(bars["split_factor"], axis=0)
    volume = bars["volume"] / bars["split_factor"]
    value = volume * prices.mean(axis=1)
    vwap = value.rolling(30).sum() / volume.rolling(30).sum()
    got = VwapDistance(window=30).compute(Bars(bars))["vwap_distance_30"]
    np.testing.assert_allclose(got, np.log(prices["close"] / vwap), atol=1e-9)
    day = bars["session"]
    vwap = value.groupby(day).cumsum() / volume.groupby(day).cumsum()
    got = VwapDistance(anchor="session").compute(Bars(bars))["vwap_distance_session"]
    np.testing.assert_allclose(got, np.log(prices["close"] / vwap).fillna(0.0), atol=1e-9)


def test_no_trade_has_no_distance_and_no_volume_none_either() -> None:
    quiet = hand_bars(opens(1, 2), volume=[0.0, 0.0])
    assert VwapDistance(window=2).compute(Bars(quiet))["vwap_distance_2"][1] == 0
    silent = random_bars(9, volume="none")
    assert np.isnan(VwapDistance(window=2).compute(Bars(silent))["vwap_distance_2"]).all()
