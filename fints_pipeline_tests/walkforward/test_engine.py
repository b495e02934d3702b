"""The ledger's laws, the kernel against its twin, and small trades worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.base.errors import LookAheadError, SchemaError
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.engine import simulate
from fints_pipeline.walkforward.ledger import Account, Ledger, Targets
from fints_pipeline.walkforward.market import Market
from fints_pipeline_tests.walkforward.twin import twin
from fints_pipeline_tests.walkforward.worlds import cost_models, market_of, markets, targets_for

CAPITAL = 10_000.0
FREE = CostModel()
# Sums of at most 40 bars of at most 1e5: 1e-9 relative leaves room for rounding alone.
RELATIVE = 1e-9


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


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_kernel_equals_its_twin(data):
    market = data.draw(markets(with_fx=True))
    fraction = data.draw(targets_for(market, leverage=data.draw(st.sampled_from([1.0, 30.0]))))
    costs = data.draw(cost_models)
    account = Account(CAPITAL, data.draw(st.sampled_from([0.0, 0.2])), data.draw(st.booleans()))
    ledger = run(market, fraction, costs, account)
    equity, fills = twin(market, fraction, costs, account)
    # Relative to the money moved, which leverage makes larger than the equity.
    scale = CAPITAL + np.abs(ledger.position_value).max()
    np.testing.assert_allclose(ledger.equity, equity, rtol=0, atol=RELATIVE * scale)
    got = ledger.fills
    assert [(s, d, f) for s, d, f, *_ in fills] == list(
        zip(got.symbol.tolist(), got.decided.tolist(), got.filled.tolist(), strict=True)
    )
    slow = np.array([row[3:] for row in fills]).reshape(-1, 5)
    fast = np.column_stack([got.units, got.price, got.spread, got.slippage, got.fee])
    np.testing.assert_allclose(fast, slow, rtol=1e-7, atol=1e-9)


@settings(deadline=None)
@given(st.data())
def test_cash_and_positions_rebuilt_from_the_fills_make_the_equity(data):
    """Independent books: pay for every fill from cash, carry units through splits, mark them."""
    market = data.draw(markets())
    costs = data.draw(cost_models)
    ledger = run(market, data.draw(targets_for(market)), costs)
    fills = ledger.fills
    paid = np.zeros(market.rows)
    np.add.at(paid, fills.filled, -fills.units * fills.price - fills.cost)
    held = np.zeros(market.close.shape)
    for n in range(len(fills)):
        s, row = fills.symbol[n], fills.filled[n]
        held[row:, s] += fills.units[n] * market.split_factor[row:, s] / market.split_factor[row, s]
    marks = _carried_forward(market.close * market.split_factor) / market.split_factor
    present = np.isfinite(market.close).all(axis=0)
    value = np.where(held == 0, 0.0, held * np.nan_to_num(marks))
    equity = CAPITAL + paid.cumsum() + value.sum(axis=1)
    np.testing.assert_allclose(ledger.equity, equity, rtol=RELATIVE)
    np.testing.assert_allclose(
        ledger.cash + ledger.position_value.sum(axis=1), ledger.equity, rtol=RELATIVE
    )
    np.testing.assert_allclose(CAPITAL + ledger.pnl.sum(axis=1), ledger.equity, rtol=RELATIVE)
    np.testing.assert_allclose(ledger.units[:, present], held[:, present], atol=1e-7)


@settings(deadline=None)
@given(markets(), cost_models)
def test_a_zero_signal_earns_exactly_nothing_and_pays_nothing(market, costs):
    ledger = run(market, np.zeros(market.close.shape), costs)
    assert (ledger.equity == CAPITAL).all()
    assert len(ledger.fills) == 0


@settings(deadline=None)
@given(st.data())
def test_a_fill_comes_after_its_decision_and_on_a_real_bar(data):
    market = data.draw(markets())
    fills = run(market, data.draw(targets_for(market))).fills
    assert (fills.filled > fills.decided).all()
    assert (market.open_time[fills.filled] >= market.close_time[fills.decided]).all()
    assert market.tradable[fills.filled, fills.symbol].all()


@settings(deadline=None)
@given(st.data())
def test_doubling_the_costs_never_raises_the_net(data):
    """Exact when sizes do not depend on the equity; with compounding, up to the rounding."""
    market = data.draw(markets())
    fraction = data.draw(targets_for(market))
    costs = data.draw(cost_models)
    for compound in (False, True):
        account = Account(CAPITAL, compound=compound)
        once = run(market, fraction, costs, account).equity[-1]
        twice = run(market, fraction, costs.scaled(2), account).equity[-1]
        assert twice <= once * (1 + RELATIVE)


@settings(deadline=None)
@given(st.data())
def test_the_future_changes_nothing_before_it(data):
    """Prefix and shock at once: rows ≥ n replaced by others leave rows < n as they were."""
    market = data.draw(markets())
    fraction = data.draw(targets_for(market))
    cut = data.draw(st.integers(1, market.rows - 1))
    shocked = {
        name: np.where(np.arange(market.rows)[:, None] < cut, values, values * 1.5)
        for name, values in (("open", market.open), ("close", market.close))
    }
    other = fraction.copy()
    other[cut:] = 0.77
    whole = run(market, fraction)
    changed = run(Market(**{**vars(market), **shocked}), other)
    assert (whole.equity[:cut] == changed.equity[:cut]).all()
    assert (whole.units[:cut] == changed.units[:cut]).all()


@settings(deadline=None)
@given(st.data())
def test_inputs_come_out_unchanged(data):
    market = data.draw(markets())
    fraction = data.draw(targets_for(market))
    before = [values.copy() for values in (market.open, market.close, fraction)]
    run(market, fraction)
    for old, new in zip(before, (market.open, market.close, fraction), strict=True):
        np.testing.assert_array_equal(old, new)


def _carried_forward(values: np.ndarray) -> np.ndarray:
    carried = values.copy()
    for row in range(1, len(carried)):
        gap = np.isnan(carried[row])
        carried[row, gap] = carried[row - 1, gap]
    return carried
