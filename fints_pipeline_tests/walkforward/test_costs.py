"""Cost configs: scaling, mid prices from bids, refusals."""

import numpy as np
import pytest
from pydantic import ValidationError

from fints_pipeline.walkforward.asset_costs import DEFAULTS
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


def test_a_class_fills_in_what_is_not_given():
    perp = CostModel(asset_class="crypto_perp", fee_bps=2)
    assert (perp.fee_bps, perp.funding_long, perp.impact) == (2, 0.1095, 1.0)
    ticks = CostModel(asset_class="fx", half_spread_ticks=3, tick_size=1e-5)
    assert ticks.half_spread_bps == 0
    assert CostModel(asset_class="fx").half_spread_bps == 0.3
    assert CostModel().fee_bps == 0
    with pytest.raises(ValidationError, match="crypto_spot"):
        CostModel(asset_class="art")
    # Written out and read again it is the same, whatever the defaults say.
    assert CostModel.model_validate(perp.model_dump()) == perp


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_the_stress_makes_no_class_cheaper(name: str):
    costs = CostModel.model_validate({"asset_class": name})
    doubled, free = costs.scaled(2), costs.scaled(0)
    for part in ("half_spread_bps", "fee_bps", "slippage_volatility", "impact", "borrow_rate"):
        assert getattr(doubled, part) == 2 * getattr(costs, part)
        assert getattr(free, part) == 0
    assert doubled.funding_long >= costs.funding_long
    assert doubled.funding_short <= costs.funding_short
    assert (free.funding_long, free.funding_short) == (0, 0)


def test_ticks_without_a_size_are_refused():
    with pytest.raises(ValidationError, match="needs tick_size"):
        CostModel(half_spread_ticks=1)
