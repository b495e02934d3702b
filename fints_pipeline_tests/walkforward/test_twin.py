"""The kernel gives its slow twin's numbers, bit for bit, one column or many."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.walkforward.columns import Columns
from fints_pipeline.walkforward.costs import CostModel, CostRates, Liquidity
from fints_pipeline.walkforward.engine import simulate, simulate_columns
from fints_pipeline.walkforward.ledger import Account, Targets
from fints_pipeline.walkforward.limits import Limits
from fints_pipeline_tests.walkforward.twin import Twin
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


def rates_of(data: st.DataObject, symbols: int) -> CostRates:
    models = data.draw(st.lists(cost_models | holding_costs, min_size=symbols, max_size=symbols))
    return CostRates.of(models)


def same_as_twin(ledger, twin: Twin) -> None:
    equity, fills, carry = twin.run()
    np.testing.assert_array_equal(ledger.equity, equity)
    got = ledger.fills
    columns = (
        got.symbol, got.decided, got.filled, got.units, got.price, got.fx, got.spread,
        got.slippage, got.impact, got.fee, got.reason,
    )  # fmt: skip
    assert list(zip(*(column.tolist() for column in columns), strict=True)) == fills
    held = ledger.carry
    for part, name in enumerate(("borrow", "funding", "dividend"), start=2):
        expected = np.zeros(ledger.units.shape)
        for row in carry:
            expected[row[0], row[1]] += row[part]
        found = np.zeros_like(expected) if held is None else getattr(held, name)
        np.testing.assert_array_equal(found, expected)


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_one_column_equals_the_twin(data):
    market = data.draw(markets(with_fx=data.draw(st.booleans())))
    fraction = data.draw(targets_for(market, leverage=data.draw(st.sampled_from([1.0, 30.0]))))
    reason = np.random.default_rng(0).integers(0, 2, fraction.shape).astype(np.int8)
    targets = Targets(fraction, reason)
    costs = rates_of(data, len(market.symbols))
    account = data.draw(accounts(CAPITAL))
    liquidity = data.draw(liquidity_of(market))
    ledger = simulate(market, targets, costs, account, liquidity)
    columns = Columns.of(account)
    same_as_twin(ledger, Twin(market, fraction, reason, costs, account, columns, liquidity))


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_many_columns_equal_a_twin_each(data):
    market = data.draw(markets())
    account = data.draw(accounts(CAPITAL))
    count = data.draw(st.integers(2, 5))
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    columns = Columns.of(
        account,
        count,
        capital=rng.uniform(1e3, 1e6, count),
        threshold=rng.uniform(0, 0.6, count),
        scale=rng.uniform(-2, 2, count),
        cost_scale=rng.choice([0.0, 1.0, 2.0], count),
        band=rng.uniform(0, 0.3, count),
        stop_loss=rng.choice([0.01, 0.02, np.inf], count),
        gross=rng.choice([0.5, 1.5, np.inf], count),
    )
    depth = data.draw(st.sampled_from([1, count]))
    fraction = np.stack([data.draw(targets_for(market)) for _ in range(depth)], axis=2)
    costs = rates_of(data, len(market.symbols))
    liquidity = data.draw(liquidity_of(market))
    targets = Targets.of(fraction)
    passes = simulate_columns(market, targets, costs, account, columns, liquidity, keep=True)
    bare = simulate_columns(market, targets, costs, account, columns, liquidity)
    np.testing.assert_array_equal(passes.equity, bare.equity)
    np.testing.assert_array_equal(passes.paid, bare.paid)
    for k in range(count):
        ledger = passes.ledger(k)
        own = fraction[:, :, k if depth > 1 else 0]
        twin = Twin(market, own, targets.reason, costs, account, columns.one(k), liquidity)
        same_as_twin(ledger, twin)
        parts = np.array(list(ledger.parts().values()))
        np.testing.assert_allclose(passes.paid[:, :, k], parts, rtol=1e-12, atol=1e-9)
        np.testing.assert_array_equal(
            passes.count[:, k], np.bincount(ledger.fills.symbol, minlength=len(market.symbols))
        )


def test_the_array_of_fills_grows():
    """A decision that fills in more pieces than there are decisions."""
    rows = 50
    price = np.full((rows, 1), 10.0)
    fraction = np.full((rows, 1), np.nan)
    fraction[0] = 1.0
    liquidity = Liquidity(available=np.full((rows, 1), 25.0))
    account = Account(CAPITAL, limits=Limits(participation=1.0))
    targets, costs = Targets.of(fraction), CostModel().rates(1)
    ledger = simulate(market_of(price, price), targets, costs, account, liquidity)
    assert ledger.fills.units.tolist() == [25.0] * 40
    assert ledger.fills.filled.tolist() == list(range(1, 41))


def test_a_market_without_symbols_keeps_the_capital():
    nothing = np.empty((4, 0))
    ledger = simulate(
        market_of(nothing, nothing), Targets.of(nothing), CostModel().rates(0), Account(CAPITAL)
    )
    assert ledger.equity.tolist() == [CAPITAL] * 4
