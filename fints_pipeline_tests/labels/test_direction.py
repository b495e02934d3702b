from __future__ import annotations

import math

import numpy as np
import pandas as pd

from fints_pipeline.labels.direction import Direction
from fints_pipeline.labels.forward_return import ForwardReturn
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars

NAN = math.nan


def test_a_band_in_basis_points() -> None:
    # Steps of 4, −4 and 6 bps against a band of 5.
    prices = np.exp(np.cumsum([0, 0, 4e-4, -4e-4, 6e-4]))
    bars = hand_bars(opens(*prices))
    value, end = Direction(horizon=1, dead_band=5, unit="bps").compute(bars)
    np.testing.assert_array_equal(value, [0, 0, 1, NAN, NAN])
    value, _ = Direction(horizon=1, dead_band=0, unit="bps").compute(bars)
    np.testing.assert_array_equal(value, [1, -1, 1, NAN, NAN])
    np.testing.assert_array_equal(end, ForwardReturn(horizon=1).compute(bars).end)


def test_no_band_still_has_a_flat() -> None:
    value, _ = Direction(horizon=1, dead_band=0, unit="bps").compute(hand_bars(opens(1, 1, 1)))
    np.testing.assert_array_equal(value, [0, NAN, NAN])


def test_a_band_in_trailing_volatility_equals_its_pandas_twin() -> None:
    bars = random_bars(400, 9, splits=0.2)
    label = Direction(horizon=4, dead_band=0.5, unit="volatility", window=30)
    value, end = label.compute(bars)
    forward = ForwardReturn(horizon=4).compute(bars)
    returns = np.log(bars["close"] * bars["split_factor"]).diff()
    band = 0.5 * 2 * (returns**2).rolling(30).mean() ** 0.5
    expected = np.sign(forward.value) * (np.abs(forward.value) > band)
    np.testing.assert_array_equal(value, expected.where(band.notna()))
    assert np.isnan(value[:30]).all()
    assert np.isnat(end[:30]).all()
    assert label.lookback == 30
    assert set(pd.Series(value).dropna()) == {-1.0, 0.0, 1.0}


def test_bps_look_back_at_nothing() -> None:
    assert Direction(unit="bps").lookback == 0
