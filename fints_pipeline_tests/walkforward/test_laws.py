"""Laws that hold for every ledger, whatever the account: books, time, costs, limits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.walkforward.columns import Columns
from fints_pipeline.walkforward.costs import CostModel, CostRates
from fints_pipeline.walkforward.engine import simulate, simulate_columns
from fints_pipeline.walkforward.ledger import Account, Ledger, Reason, Targets
from fints_pipeline.walkforward.limits import Limits, Stops
from fints_pipeline.walkforward.market import Market
from fints_pipeline_tests.walkforward.worlds import (
    accounts,
    cost_models,
    holding_costs,
    liquidity_of,
    market_of,
    markets,
    targets_for,
)

CAPITAL = 16_384.0
RELATIVE = 1e-9
STEP = 365 * 1440 // 32  # minutes: a 32nd of a year of 365 days


def double_entry(market: Market, ledger: Ledger) -> tuple[np.ndarray, np.ndarray]:
    """Cash and units from the fills alone: every fill, charge and dividend is paid in cash."""
    fills = ledger.fills
    cash = np.full(market.rows, CAPITAL)
    held = np.zeros(market.close.shape)
    for n in range(len(fills)):
        s, row = fills.symbol[n], fills.filled[n]
        cash[row:] -= fills.units[n] * fills.price[n]
        cash[row:] -= fills.spread[n] + fills.slippage[n] + fills.impact[n] + fills.fee[n]
        factor = _carried_forward(market.split_factor)
        held[row:, s] += fills.units[n] * factor[row:, s] / factor[row, s]
    if ledger.carry is not None:
        moved = ledger.carry.dividend - ledger.carry.borrow - ledger.carry.funding
        cash += moved.sum(axis=1).cumsum()
    return cash, held


def _carried_forward(values: np.ndarray) -> np.ndarray:
    carried = values.copy()
    for row in range(1, len(carried)):
        gap = np.isnan(carried[row])
        carried[row, gap] = carried[row - 1, gap]
    return carried


@st.composite
def dyadic(draw: st.DrawFn) -> tuple[Market, Targets, CostRates, Account]:
    """A world of powers of two, in which every sum, product and quotient is exact."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (draw(st.integers(2, 30)), draw(st.integers(1, 3)))
    open_, close = (2.0 ** rng.integers(2, 6, shape) for _ in range(2))
    split = np.cumprod(np.where(rng.random(shape) < 0.1, 2.0, 1.0), axis=0)
    market = market_of(
        open_, close, minutes=STEP, split=split, tradable=rng.random(shape) < 0.8,
        high=np.maximum(open_, close) * 2, low=np.minimum(open_, close) / 2,
        dividend=np.where(rng.random(shape) < 0.2, 0.125, 0.0),
    )  # fmt: skip
    fraction = rng.choice([-0.5, 0.0, 0.25, 0.5, np.nan], shape)
    rate = np.full(shape[1], 2.0**-8)
    costs = CostRates(rate, 4 * rate, rate / 2, rate / 4, rate * 8, rate * 4, -rate)
    stops = Stops(stop_loss=draw(st.sampled_from([None, 0.5])))
    return market, Targets.of(fraction), costs, Account(CAPITAL, compound=False, stops=stops)


@settings(deadline=None)
@given(dyadic())
def test_cash_and_positions_are_the_equity_exactly(world):
    """Not to rounding: where arithmetic is exact, the two books agree to the last bit."""
    market, targets, costs, account = world
    ledger = simulate(market, targets, costs, account)
    cash, held = double_entry(market, ledger)
    value = held * market.close
    assert (ledger.cash == cash).all()
    assert (ledger.units == held).all()
    assert (ledger.position_value == value).all()
    assert (ledger.equity == cash + value.sum(axis=1)).all()
    assert (ledger.equity == CAPITAL + ledger.pnl.sum(axis=1)).all()


@settings(deadline=None)
@given(st.data())
def test_cash_and_positions_are_the_equity_to_rounding(data):
    market = data.draw(markets())
    costs = data.draw(cost_models | holding_costs).rates(len(market.symbols))
    targets = Targets.of(data.draw(targets_for(market)))
    account = data.draw(accounts(CAPITAL))
    ledger = simulate(market, targets, costs, account, data.draw(liquidity_of(market)))
    cash, held = double_entry(market, ledger)
    marks = _carried_forward(market.close * market.split_factor)
    marks /= _carried_forward(market.split_factor)
    value = np.where(held == 0, 0.0, held * np.nan_to_num(marks))
    present = np.isfinite(market.close).all(axis=0)
    scale = CAPITAL + np.abs(value).sum(axis=1).max()
    np.testing.assert_allclose(
        ledger.equity, cash + value.sum(axis=1), rtol=0, atol=RELATIVE * scale
    )
    np.testing.assert_allclose(
        ledger.cash + ledger.position_value.sum(axis=1), ledger.equity, rtol=0, atol=1e-9 * scale
    )
    np.testing.assert_allclose(ledger.units[:, present], held[:, present], atol=1e-7)


@settings(deadline=None)
@given(st.data())
def test_a_zero_signal_earns_exactly_nothing_and_pays_nothing(data):
    market = data.draw(markets(with_fx=True))
    zero = Targets.of(np.zeros(market.close.shape))
    costs = data.draw(cost_models | holding_costs).rates(len(market.symbols))
    ledger = simulate(
        market, zero, costs, data.draw(accounts(CAPITAL)), data.draw(liquidity_of(market))
    )
    assert (ledger.equity == CAPITAL).all()
    assert (ledger.pnl == 0).all()
    assert len(ledger.fills) == 0


@settings(deadline=None)
@given(st.data())
def test_a_fill_comes_after_its_decision_and_on_a_real_bar(data):
    market = data.draw(markets())
    targets = Targets.of(data.draw(targets_for(market)))
    costs = CostModel().rates(len(market.symbols))
    liquidity = data.draw(liquidity_of(market))
    fills = simulate(market, targets, costs, data.draw(accounts(CAPITAL)), liquidity).fills
    assert (fills.filled > fills.decided).all()
    assert (market.open_time[fills.filled] >= market.close_time[fills.decided]).all()
    assert market.tradable[fills.filled, fills.symbol].all()
    # Stops and targets fill inside the bar's range, everything else at its open.
    inside = np.isin(fills.reason, [Reason.STOP_LOSS, Reason.TAKE_PROFIT, Reason.TRAILING_STOP])
    open_ = market.open[fills.filled, fills.symbol]
    assert (market.low[fills.filled, fills.symbol] <= fills.price + 1e-9).all()
    assert (market.high[fills.filled, fills.symbol] >= fills.price - 1e-9).all()
    assert (fills.price == open_)[~inside].all()


@settings(deadline=None)
@given(st.data())
def test_a_fill_takes_no_more_of_a_bar_than_participation_allows(data):
    market = data.draw(markets())
    liquidity = data.draw(liquidity_of(market))
    share = data.draw(st.floats(0.01, 1))
    account = Account(CAPITAL, limits=Limits(participation=share), stops=Stops(stop_loss=0.01))
    targets = Targets.of(data.draw(targets_for(market)))
    costs = CostModel().rates(len(market.symbols))
    fills = simulate(market, targets, costs, account, liquidity).fills
    taken = np.zeros(market.close.shape)
    np.add.at(taken, (fills.filled, fills.symbol), np.abs(fills.units))
    if liquidity.available is not None:
        room = np.nan_to_num(share * liquidity.available, nan=np.inf)
        assert (taken <= room * (1 + 1e-12)).all()


@settings(deadline=None)
@given(st.data())
def test_positions_stay_within_the_limits_while_prices_stand_still(data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    shape = (30, 4)
    market = market_of(np.full(shape, 8.0), np.full(shape, 8.0))
    gross, net, name, leverage = (data.draw(st.floats(0.05, 3)) for _ in range(4))
    limits = Limits(gross=gross, net=net, name=name, leverage=leverage)
    fraction = rng.normal(0, 1, shape)
    fraction[rng.random(shape) < 0.5] = np.nan
    account = Account(CAPITAL, compound=False, limits=limits)
    ledger = simulate(market, Targets.of(fraction), CostModel().rates(4), account)
    held = ledger.position_value / CAPITAL
    exact = 1 + 1e-12
    assert (np.abs(held).sum(axis=1) <= min(gross, leverage) * exact).all()
    assert (np.abs(held.sum(axis=1)) <= net * exact + 1e-12).all()
    assert (np.abs(held) <= name * exact).all()
    free = simulate(
        market, Targets.of(fraction), CostModel().rates(4), Account(CAPITAL, compound=False)
    )
    # A limit cuts; it never adds to a position or turns it.
    assert (np.abs(ledger.units) <= np.abs(free.units) * exact).all()
    assert (ledger.units * free.units >= 0).all()


@settings(deadline=None)
@given(st.data())
def test_doubling_the_costs_never_raises_the_net(data):
    """Exact when sizes do not depend on the equity; with compounding, up to the rounding."""
    market = data.draw(markets())
    fraction = Targets.of(data.draw(targets_for(market, leverage=0.2)))
    model = data.draw(cost_models | holding_costs)
    liquidity = data.draw(liquidity_of(market))
    costs = model.rates(len(market.symbols))
    for compound in (False, True):
        account = Account(CAPITAL, compound=compound)
        columns = Columns.of(account, 3, cost_scale=np.array([0.0, 1.0, 2.0]))
        passes = simulate_columns(market, fraction, costs, account, columns, liquidity)
        gross, once, twice = passes.equity[-1]
        assert twice <= once * (1 + RELATIVE)
        assert np.isfinite(gross)
        if not compound:
            spent = passes.paid[:5].sum(axis=(0, 1))
            assert spent[0] == 0
            assert spent[2] == pytest.approx(2 * spent[1])
            paid = spent + passes.paid[5].sum(axis=0)
            assert gross - once == pytest.approx(paid[1], abs=1e-6)
        scaled = simulate(market, fraction, model.scaled(2).rates(len(market.symbols)), account)
        if liquidity.slippage is None and liquidity.impact is None:
            assert scaled.equity[-1] == pytest.approx(twice)


@settings(deadline=None)
@given(st.data())
def test_the_future_changes_nothing_before_it(data):
    """Prefix and shock at once: rows ≥ n replaced by others leave rows < n as they were."""
    market = data.draw(markets())
    fraction = data.draw(targets_for(market))
    account = data.draw(accounts(CAPITAL))
    costs = data.draw(cost_models).rates(len(market.symbols))
    liquidity = data.draw(liquidity_of(market))
    cut = data.draw(st.integers(1, market.rows - 1))
    later = np.arange(market.rows)[:, None] >= cut
    shocked = {
        name: np.where(later, getattr(market, name) * 1.5, getattr(market, name))
        for name in ("open", "high", "low", "close")
    }
    other = fraction.copy()
    other[cut:] = 0.77
    whole = simulate(market, Targets.of(fraction), costs, account, liquidity)
    changed_market = Market(**{**vars(market), **shocked})
    changed = simulate(changed_market, Targets.of(other), costs, account, liquidity)
    assert (whole.equity[:cut] == changed.equity[:cut]).all()
    assert (whole.units[:cut] == changed.units[:cut]).all()


@settings(deadline=None)
@given(st.data())
def test_inputs_come_out_unchanged(data):
    market = data.draw(markets())
    fraction = data.draw(targets_for(market))
    before = [values.copy() for values in (market.open, market.close, fraction)]
    account = data.draw(accounts(CAPITAL))
    simulate(market, Targets.of(fraction), CostModel().rates(len(market.symbols)), account)
    for old, new in zip(before, (market.open, market.close, fraction), strict=True):
        np.testing.assert_array_equal(old, new)
