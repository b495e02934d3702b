from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.close_location import CloseLocation
from fints_pipeline_tests.hand import hand_bars
from fints_pipeline_tests.strategies import random_bars


def test_by_hand() -> None:
    bars = hand_bars([(5, 8, 4, 7), (7, 7, 7, 7), (7, 9, 6, 6)])
    got = CloseLocation(windows=(2, 3)).compute(Bars(bars))
    np.testing.assert_allclose(got["close_location"], [0.75, 0.5, 0])
    np.testing.assert_allclose(got["close_location_2"], [np.nan, 0.75, 0])
    np.testing.assert_allclose(got["close_location_3"], [np.nan, np.nan, 0.4])


def test_channel_equals_its_pandas_twin() -> None:
    bars = random_bars(300, 2, splits=0.3)
    price = bars[["high", "low", "close"]].mul(bars["split_factor"], axis=0)
    low = price["low"].rolling(20).min()
    expected = (price["close"] - low) / (price["high"].rolling(20).max() - low)
    got = CloseLocation().compute(Bars(bars))["close_location_20"]
    np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_an_empty_window_is_refused() -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        CloseLocation(windows=(0,))
