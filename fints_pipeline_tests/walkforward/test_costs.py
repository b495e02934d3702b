"""Cost configs: scaling, mid prices from bids, refusals."""

import numpy as np
import pytest
from pydantic import ValidationError

from fints_pipeline.walkforward.costs import CostModel


def test_scaling_touches_every_cost_and_nothing_else():
    costs = CostModel(
        half_spread_bps=1, half_spread_ticks=2, tick_size=0.5, fee_bps=3, slippage_bps=4
    )
    doubled = costs.scaled(2)
    assert doubled == CostModel(
        half_spread_bps=2, half_spread_ticks=4, tick_size=0.5, fee_bps=6, slippage_bps=8
    )
    assert costs.scaled(0).rates(2).half_spread_price.tolist() == [0, 0]


def test_mid_is_bid_plus_half_the_spread():
    bid = np.array([1.1, 1.2])
    ticks = CostModel(half_spread_ticks=1.5, tick_size=0.0001, price_side="bid")
    assert ticks.mid(bid) == pytest.approx([1.10015, 1.20015])
    bps = CostModel(half_spread_bps=2, price_side="bid")
    assert bps.mid(bid) == pytest.approx(bid * 1.0002)
    assert CostModel(half_spread_bps=2, price_side="mid").mid(bid) is bid


def test_ticks_without_a_size_are_refused():
    with pytest.raises(ValidationError, match="needs tick_size"):
        CostModel(half_spread_ticks=1)
