"""Slippage, impact and room: worked out by hand, causal, in the shares of the day."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.evaluation.grid import build_grid
from fints_pipeline.evaluation.liquidity import with_liquidity
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.limits import Limits
from fints_pipeline_tests.evaluation.test_sizing import BARS, bars, grid_of

NO_LIMITS = Limits()


def test_impact_by_hand():
    # Session 1: moves of 1 % and 1000 units a bar; its first return is unknown.
    moves = np.tile([1, -1], 6) / 100
    grid = grid_of(bars(100 * np.exp(np.cumsum(moves))))
    found = with_liquidity(grid, [CostModel(impact=0.8, impact_window=2)], NO_LIMITS)
    rate = found[1].impact[:, 0]
    assert np.isnan(rate[:BARS]).all()
    assert not found[0].market.tradable[:BARS].any()
    assert rate[BARS:8] == pytest.approx(np.full(4, 0.8 * np.sqrt(3 * 1e-4 / 4000)))
    assert rate[8:] == pytest.approx(np.full(4, 0.8 * np.sqrt(3.5e-4 / 4000)))


def test_slippage_follows_the_bars_before():
    moves = np.array([0, 1, -2, 3, -3, 3, 0, 0]) / 100
    grid = grid_of(bars(100 * np.exp(np.cumsum(moves))))
    costs = CostModel(slippage_volatility=0.5, bar_window=2)
    rate = with_liquidity(grid, [costs], NO_LIMITS)[1].slippage[:, 0]
    assert np.isnan(rate[:2]).all()
    expected = [0.01, np.sqrt(2.5e-4), np.sqrt(6.5e-4), 0.03, 0.03, np.sqrt(4.5e-4)]
    assert rate[2:] == pytest.approx(0.5 * np.array(expected))


def test_a_split_counts_yesterdays_volume_in_todays_shares():
    frame = bars(np.full(12, 100.0) + np.tile([0, 1], 6))
    frame["split_factor"] = np.repeat([1.0, 2.0, 2.0], 4)
    limits = Limits(participation=0.1, participation_window=1)
    _, depth = with_liquidity(grid_of(frame), [CostModel()], limits)
    assert depth.available[4:, 0].tolist() == [2000] * 4 + [1000] * 4


def test_participation_of_the_bar_is_its_own_volume():
    frame = bars(np.full(8, 100.0))
    frame["volume"] = np.arange(8.0)
    limits = Limits(participation=0.1, participation_of="bar")
    _, depth = with_liquidity(grid_of(frame), [CostModel()], limits)
    assert depth.available[:, 0].tolist() == list(range(8))


def test_without_volume_a_configured_value_stands_in():
    frame = bars(100 * np.exp(np.tile([0, 0.01], 4)))
    frame["volume"] = np.nan
    grid = grid_of(frame)
    with pytest.raises(ConfigError, match=r"made\.UP has no volume"):
        with_liquidity(grid, [CostModel(impact=1)], NO_LIMITS)
    _, depth = with_liquidity(grid, [CostModel(impact=1, adv=4e5)], NO_LIMITS)
    last = grid.market.close[3:-1, 0]
    assert depth.impact[4:, 0] == pytest.approx(np.sqrt(3e-4 / (4e5 / last)))
    _, depth = with_liquidity(grid, [CostModel(adv=4e5)], Limits(participation=0.1))
    assert depth.available[4:, 0] == pytest.approx(1e5 / last)


def test_an_instrument_without_impact_pays_none():
    grid = build_grid(
        {"a.A": bars(np.full(8, 10.0), "a.A"), "b.B": bars(10 + np.arange(8.0), "b.B")},
        5,
        lambda _: CostModel(),
    )
    _, depth = with_liquidity(grid, [CostModel(), CostModel(impact=1)], NO_LIMITS)
    assert (depth.impact[:, 0] == 0).all()
    assert (depth.impact[4:, 1] > 0).all()
    assert depth.slippage is depth.available is None


@given(st.integers(5, 11), st.integers(0, 2**32 - 1))
def test_liquidity_never_looks_ahead(cut, seed):
    """Rows up to the cut stand, whatever happens in the row of the cut and after it."""
    rng = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, 12)))
    costs = CostModel(impact=1, impact_window=2, slippage_volatility=1, bar_window=3)
    found = []
    for shock in (False, True):
        frame = bars(closes)
        if shock:
            frame.loc[cut:, "close"] *= rng.uniform(0.5, 2, 12 - cut)
            frame.loc[cut:, "volume"] *= rng.uniform(0.5, 2, 12 - cut)
        limits = Limits(participation=0.5, participation_window=2)
        _, depth = with_liquidity(grid_of(frame), [costs], limits)
        found.append(np.column_stack([depth.slippage, depth.impact, depth.available])[: cut + 1])
    np.testing.assert_array_equal(*found)
