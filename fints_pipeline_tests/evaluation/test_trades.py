"""Round trips: turning, adding, reducing, splits; their sum is the ledger's profit."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.evaluation.trades import round_trips
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.engine import simulate
from fints_pipeline.walkforward.ledger import Account, Targets
from fints_pipeline_tests.walkforward.worlds import (
    cost_models,
    holding_costs,
    market_of,
    markets,
    targets_for,
)


def trade(market, fraction, costs=None, account=None):
    costs = (costs or CostModel()).rates(len(market.symbols))
    return simulate(market, Targets.of(fraction), costs, account or Account(1000.0, compound=False))


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


def test_turning_closes_one_trade_and_opens_another():
    prices = column(10, 10, 12, 9, 9)
    market = market_of(prices, prices)
    ledger = trade(market, column(1, -1, 0, np.nan, np.nan), CostModel(fee_bps=100))
    trips = round_trips(ledger, market)
    assert trips["side"].tolist() == [1, -1]
    # Long 100 from 10 to 12. Then decided at 10, when it was worth it: short 100 from 12 to 9.
    assert trips["gross"].tolist() == pytest.approx([200, 300])
    assert trips["cost"].tolist() == pytest.approx([10 + 12, 12 + 9])
    assert trips["net"].sum() == pytest.approx(ledger.pnl[-1].sum())


def test_adding_averages_and_reducing_realises_its_share():
    prices = column(10, 10, 20, 20, 40, 40)
    market = market_of(prices, prices)
    # 100 at 10, then 150 in all with the rest at 20, then none at 40.
    ledger = trade(market, column(1, 1.5, 3, 0, np.nan, np.nan))
    trips = round_trips(ledger, market)
    assert len(trips) == 1
    assert trips["units"].iloc[0] == 150
    assert trips["gross"].iloc[0] == pytest.approx(100 * 30 + 50 * 20)


def test_a_split_changes_no_trade():
    market = market_of(column(10, 10, 5, 6), column(10, 10, 5, 6), split=column(1, 1, 2, 2))
    ledger = trade(market, column(1, np.nan, 0, np.nan))
    trips = round_trips(ledger, market)
    assert trips[["entry_price", "exit_price", "gross"]].iloc[0].tolist() == [10, 12, 200]


def test_an_open_position_is_no_trade_yet():
    prices = column(10, 10, 12)
    market = market_of(prices, prices)
    assert round_trips(trade(market, column(1, np.nan, np.nan)), market).empty


def test_a_trade_carries_its_own_dividends_and_no_other():
    """Long over the first ex-date, turned short at the open of the second and held over a third."""
    price = column(10, 10, 10, 10, 10, 10)
    market = market_of(price, price, dividend=column(0, 0, 1, 2, 4, 0))
    ledger = trade(market, column(1, np.nan, -1, np.nan, 0, np.nan))
    trips = round_trips(ledger, market)
    # The open of row 3 is where it turns: the dividend of 2 is still the long trade's.
    assert trips["carry"].tolist() == pytest.approx([100 * 3, -100 * 4])
    assert trips["net"].tolist() == pytest.approx([300, -400])
    assert trips["exit_reason"].tolist() == ["signal", "signal"]


@given(st.data())
def test_closed_trades_add_up_to_the_ledger(data):
    """Close everything at the end: the trades' net profits are the whole change of the equity."""
    market = data.draw(markets())
    fraction = data.draw(targets_for(market))
    rows = market.rows
    fraction[-3:] = 0
    tradable, open_, close = market.tradable.copy(), market.open.copy(), market.close.copy()
    for values, fill in ((open_, 50.0), (close, 50.0)):
        values[-3:] = np.where(np.isfinite(values[-3:]), values[-3:], fill)
    tradable[-3:] = True
    whole = type(market)(**{**vars(market), "tradable": tradable, "open": open_, "close": close})
    ledger = trade(whole, fraction[:rows], data.draw(cost_models | holding_costs))
    trips = round_trips(ledger, whole)
    scale = 1000 + ledger.fills.notional.sum()
    assert trips["net"].sum() == pytest.approx(ledger.equity[-1] - 1000, abs=1e-9 * scale)
    assert trips["cost"].sum() == pytest.approx(ledger.fills.cost.sum(), abs=1e-9 * scale)
