"""Orders, bars without trade, splits and currencies: small trades worked out by hand."""

import numpy as np
import pytest

from fints_pipeline.base.errors import LookAheadError, SchemaError
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.engine import simulate
from fints_pipeline.walkforward.ledger import Account, Ledger, Targets
from fints_pipeline.walkforward.market import Market
from fints_pipeline_tests.walkforward.worlds import market_of

CAPITAL = 10_000.0
FREE = CostModel()


def run(
    market: Market, fraction: np.ndarray, costs: CostModel = FREE, account: Account | None = None
) -> Ledger:
    account = account or Account(CAPITAL)
    return simulate(market, Targets.of(fraction), costs.rates(len(market.symbols)), account)


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


def test_a_trade_by_hand():
    market = market_of(column(10, 20, 30, 40), column(10, 25, 32, 50))
    costs = CostModel(half_spread_bps=10, fee_bps=20, slippage_bps=30)
    ledger = run(market, column(1, np.nan, 0, np.nan), costs)
    # Decided at 10: 1000 units; bought at 20, sold at the open of 40.
    bought, sold = 1000 * 20, 1000 * 40
    assert ledger.fills.units.tolist() == [1000, -1000]
    assert ledger.fills.price.tolist() == [20, 40]
    assert ledger.fills.spread == pytest.approx([bought * 0.001, sold * 0.001])
    assert ledger.fills.fee == pytest.approx([bought * 0.002, sold * 0.002])
    assert ledger.fills.slippage == pytest.approx([bought * 0.003, sold * 0.003])
    paid = bought * 0.006
    expected = [CAPITAL, CAPITAL + 5000 - paid, CAPITAL + 12_000 - paid]
    expected.append(CAPITAL + 20_000 - paid - sold * 0.006)
    assert ledger.equity == pytest.approx(expected)
    assert ledger.cash[0] == CAPITAL
    assert ledger.cash[1] == pytest.approx(CAPITAL - bought - paid)


def test_half_spread_in_ticks_is_paid_per_unit():
    market = market_of(column(10, 20), column(10, 20))
    costs = CostModel(half_spread_ticks=2, tick_size=0.05)
    assert run(market, column(1, np.nan), costs).fills.spread == pytest.approx([1000 * 0.1])


def test_orders_wait_for_a_real_bar():
    """Bar 1 is filled, bar 2 is missing: the order of bar 0 fills at the open of bar 3."""
    nan = np.nan
    market = market_of(
        column(10, 10, nan, 12), column(10, 10, nan, 13), tradable=column(1, 0, 0, 1)
    )
    ledger = run(market, column(1, nan, nan, nan))
    assert (ledger.fills.decided[0], ledger.fills.filled[0]) == (0, 3)
    assert ledger.equity == pytest.approx([CAPITAL, CAPITAL, CAPITAL, CAPITAL + 1000])


def test_a_new_decision_replaces_a_waiting_order():
    market = market_of(column(10, 10, 10, 10), column(10, 10, 10, 10), tradable=column(1, 0, 0, 1))
    ledger = run(market, column(1, -1, np.nan, np.nan))
    assert ledger.fills.units.tolist() == [-1000]
    assert ledger.fills.decided.tolist() == [1]
    assert len(run(market, column(1, 0, np.nan, np.nan)).fills) == 0


def test_a_split_changes_units_and_not_the_equity():
    market = market_of(column(10, 10, 5, 5), column(10, 10, 5, 6), split=column(1, 1, 2, 2))
    ledger = run(market, column(1, np.nan, np.nan, np.nan))
    assert ledger.units[:, 0].tolist() == [0, 1000, 2000, 2000]
    assert ledger.equity == pytest.approx([CAPITAL, CAPITAL, CAPITAL, CAPITAL + 2000])


def test_a_split_rescales_an_order_that_is_on_its_way():
    market = market_of(column(10, 5, 5), column(10, 5, 5), split=column(1, 2, 2))
    assert run(market, column(1, np.nan, np.nan)).fills.units.tolist() == [2000]


def test_foreign_profit_is_converted_at_the_rate_of_the_fill():
    """Long 100 units of a pair that gains 10 quote; the quote currency is worth 0.5, then 0.4."""
    market = market_of(
        column(100, 100, 110, 110), column(100, 105, 110, 110), fx=column(0.5, 0.5, 0.4, 0.8)
    )
    account = Account(5000)
    ledger = run(market, column(1, 0, np.nan, np.nan), account=account)
    assert ledger.fills.units.tolist() == [100, -100]
    # Once flat, the later move of the exchange rate to 0.8 earns nothing.
    assert ledger.equity == pytest.approx([5000, 5000 + 500 * 0.5, 5000 + 1000 * 0.4, 5400])


def test_a_small_change_stays_inside_the_band_and_closing_never_does():
    market = market_of(np.full((5, 1), 10.0), np.full((5, 1), 10.0))
    fraction = column(1, 0.95, 0.5, 0.04, 0)
    ledger = run(market, fraction, account=Account(CAPITAL, band=0.1))
    assert ledger.fills.decided.tolist() == [0, 2, 3]
    closing = run(market, column(0.12, 0, 0, 0, 0), account=Account(CAPITAL, band=0.2))
    assert len(closing.fills) == 0
    closing = run(market, column(0.3, 0.15, 0, 0, 0), account=Account(CAPITAL, band=0.2))
    assert closing.fills.units == pytest.approx([300, -300])


def test_a_ruined_account_closes_and_stays_out():
    market = market_of(column(10, 10, 2, 2, 9), column(10, 10, 2, 2, 9))
    ledger = run(market, column(2, 2, 2, 2, 2))
    assert ledger.units[:, 0].tolist() == [0, 2000, 2000, 0, 0]
    assert ledger.equity[-1] == pytest.approx(CAPITAL - 2000 * 8)


def test_overlapping_bars_are_refused():
    market = market_of(column(1, 1), column(1, 1))
    with pytest.raises(LookAheadError, match="before bar 0 is known"):
        Market(**{**vars(market), "close_time": market.close_time + np.timedelta64(1, "us")})


def test_wrong_shapes_and_infinite_targets_are_refused():
    market = market_of(column(1, 1), column(1, 1))
    with pytest.raises(SchemaError, match="shape"):
        run(market, np.zeros((3, 1)))
    with pytest.raises(SchemaError, match="infinite"):
        run(market, column(np.inf, 0))
    with pytest.raises(SchemaError, match="without a positive"):
        market_of(column(1, 0), column(1, 1))
