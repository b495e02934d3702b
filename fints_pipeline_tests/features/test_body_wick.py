from __future__ import annotations

import numpy as np

from fints_pipeline.features.bars import Bars
from fints_pipeline.features.body_wick import BodyWick
from fints_pipeline_tests.hand import hand_bars
from fints_pipeline_tests.strategies import random_bars


def test_by_hand() -> None:
    got = BodyWick().compute(Bars(hand_bars([(4, 10, 0, 9), (9, 10, 0, 4), (5, 5, 5, 5)])))
    np.testing.assert_allclose(got["body_share"], [0.5, -0.5, 0])
    np.testing.assert_allclose(got["upper_wick_share"], [0.1, 0.1, 0])
    np.testing.assert_allclose(got["lower_wick_share"], [0.4, 0.4, 0])


def test_the_shares_make_one() -> None:
    bars = random_bars(200, 1, zero_range=0.2)
    body, upper, lower = BodyWick().compute(Bars(bars)).values()
    ranged = (bars["high"] > bars["low"]).to_numpy()
    np.testing.assert_allclose((np.abs(body) + upper + lower), ranged.astype(float), atol=1e-9)
    assert not ranged.all()
