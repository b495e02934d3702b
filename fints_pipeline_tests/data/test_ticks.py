import numpy as np
import pytest

from fints_pipeline.data.ticks import estimate_tick


@pytest.mark.parametrize("tick", [0.00001, 0.0005, 0.001, 0.01, 0.05, 0.25, 0.5, 1.0, 5.0, 25.0])
def test_the_step_that_prices_show_is_found(tick: float):
    steps = np.random.default_rng(0).integers(1000, 2000, size=500)
    assert estimate_tick(steps * tick) == pytest.approx(tick)


def test_a_few_odd_prices_do_not_matter_and_none_give_none():
    prices = np.r_[np.arange(1000, 2000) * 0.01, 12.3456]
    assert estimate_tick(prices) == 0.01
    assert estimate_tick(np.array([np.nan, -1.0, np.inf])) is None
    assert estimate_tick(np.random.default_rng(0).random(100)) is None
