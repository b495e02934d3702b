from __future__ import annotations

import math

import numpy as np
import pytest

from fints_pipeline.labels.forward_return import ForwardReturn
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars

LN2 = math.log(2)
NAN = math.nan


def stamps(*times: str) -> np.ndarray:
    return np.array([f"2024-03-04T{t}" if t else "NaT" for t in times], dtype="datetime64[us]")


def test_from_the_next_open_to_the_open_after_the_horizon() -> None:
    value, end = ForwardReturn(horizon=2).compute(hand_bars(opens(9, 1, 2, 4, 2)))
    np.testing.assert_allclose(value, [2 * LN2, 0, NAN, NAN, NAN])
    np.testing.assert_array_equal(end, stamps("14:45", "14:50", "", "", ""))


def test_a_split_is_no_return() -> None:
    bars = hand_bars(opens(8, 8, 4, 4), split_factor=[1, 1, 2, 2])
    value, _ = ForwardReturn(horizon=1).compute(bars)
    np.testing.assert_array_equal(value, [0, 0, NAN, NAN])


@pytest.mark.parametrize("flags", [{"filled": [3]}, {"stale_opens": [3]}])
def test_no_order_fills_where_nothing_trades(flags: dict[str, list[int]]) -> None:
    bars = hand_bars(opens(1, 1, 1, 1, 1, 1, 1), **flags)
    value, end = ForwardReturn(horizon=2).compute(bars)
    np.testing.assert_array_equal(value, [NAN, 0, NAN, 0, NAN, NAN, NAN])
    assert (np.isnat(end) == np.isnan(value)).all()


def test_within_a_session() -> None:
    sessions = ["2024-03-04"] * 4 + ["2024-03-05"] * 3
    bars = hand_bars(opens(*[1] * 7), sessions=sessions)
    label = ForwardReturn(horizon=1, within_session=True)
    value, end = label.compute(bars)
    np.testing.assert_array_equal(value, [0, 0, NAN, NAN, 0, NAN, NAN])
    assert (np.isnat(end) == np.isnan(value)).all()
    assert label.columns == ("forward_return_1_session", "forward_return_1_session_end")
    across, _ = ForwardReturn(horizon=1).compute(bars)
    np.testing.assert_array_equal(across, [0, 0, 0, 0, 0, NAN, NAN])


def test_equals_its_pandas_twin() -> None:
    bars = random_bars(300, 8, filled=0.0, stale_opens=0.0, splits=0.3)
    price = bars["open"] * bars["split_factor"]
    expected = np.log(price.shift(-13) / price.shift(-1))
    value, end = ForwardReturn(horizon=12).compute(bars)
    np.testing.assert_allclose(value, expected, rtol=1e-12)
    expected_end = bars["open_time"].shift(-13).dt.tz_localize(None).to_numpy()
    np.testing.assert_array_equal(end, expected_end)
