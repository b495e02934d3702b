"""The audit passes every honest ledger and finds a planted leak and a cooked book."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.base.errors import LookAheadError, SchemaError
from fints_pipeline.walkforward.audit import audit
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.engine import simulate
from fints_pipeline.walkforward.ledger import Account, Ledger, Targets
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

CAPITAL = 10_000.0


@settings(deadline=None)
@given(st.data())
def test_honest_ledgers_pass(data):
    market = data.draw(markets(with_fx=data.draw(st.booleans())))
    costs = data.draw(cost_models | holding_costs).rates(len(market.symbols))
    account, liquidity = data.draw(accounts(CAPITAL)), data.draw(liquidity_of(market))
    targets = Targets.of(data.draw(targets_for(market)))
    audit(simulate(market, targets, costs, account, liquidity), market, CAPITAL)


@pytest.fixture
def traded() -> tuple[Market, Ledger]:
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, (50, 2)), axis=0))
    market = market_of(close, close, tradable=rng.random((50, 2)) < 0.8)
    targets = Targets.of(rng.uniform(-0.5, 0.5, (50, 2)))
    costs = CostModel(fee_bps=5, borrow_rate=0.1).rates(2)
    return market, simulate(market, targets, costs, Account(CAPITAL))


def test_a_fill_in_the_bar_of_its_decision_is_a_leak(traded):
    market, ledger = traded
    fills = replace(ledger.fills, decided=ledger.fills.filled)
    with pytest.raises(LookAheadError, match=r"not later than their decision.*test\.S"):
        audit(replace(ledger, fills=fills), market, CAPITAL)


def test_a_fill_on_a_bar_without_trade_is_refused(traded):
    market, ledger = traded
    dead = replace(market, tradable=np.zeros_like(market.tradable))
    with pytest.raises(SchemaError, match="bars without trade"):
        audit(ledger, dead, CAPITAL)


@pytest.mark.parametrize("name", ["units", "price", "fee"])
def test_a_changed_fill_no_longer_makes_the_equity(traded, name: str):
    market, ledger = traded
    values = getattr(ledger.fills, name).copy()
    values[3] *= 1.01
    cooked = replace(ledger, fills=replace(ledger.fills, **{name: values}))
    with pytest.raises(SchemaError, match="its fills make"):
        audit(cooked, market, CAPITAL)


def test_money_from_nowhere_is_found(traded):
    market, ledger = traded
    equity = ledger.equity.copy()
    equity[-1] += 0.1
    with pytest.raises(SchemaError, match="its fills make"):
        audit(replace(ledger, equity=equity), market, CAPITAL)
    borrow = np.zeros_like(ledger.carry.borrow)
    with pytest.raises(SchemaError, match="its fills make"):
        audit(replace(ledger, carry=replace(ledger.carry, borrow=borrow)), market, CAPITAL)
