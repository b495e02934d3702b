"""Stops, targets, dividends, holding costs, margin and ruin: small trades worked out by hand."""

import numpy as np
import pytest

from fints_pipeline.base.errors import ConfigError, SchemaError
from fints_pipeline.walkforward.columns import Columns
from fints_pipeline.walkforward.costs import CostModel, Liquidity
from fints_pipeline.walkforward.engine import simulate, simulate_columns
from fints_pipeline.walkforward.layout import PARTS
from fints_pipeline.walkforward.ledger import Account, Ledger, Reason, Targets
from fints_pipeline.walkforward.limits import Limits, Stops
from fints_pipeline.walkforward.market import Market
from fints_pipeline_tests.walkforward.worlds import market_of

CAPITAL = 1_000.0
NAN = np.nan


def column(*values: float) -> np.ndarray:
    return np.array(values, float)[:, None]


def bars(*rows: tuple[float, float, float, float], **more) -> Market:
    """A market of one symbol from (open, high, low, close)."""
    table = np.array(rows, float)
    open_, high, low, close = (table[:, [n]] for n in range(4))
    return market_of(open_, close, high=high, low=low, **more)


def run(market: Market, *targets: float, stops=None, limits=None, costs=None, **more) -> Ledger:
    account = Account(CAPITAL, limits=Limits(**(limits or {})), stops=Stops(**(stops or {})))
    costs = CostModel(**(costs or {})).rates(1)
    return simulate(market, Targets.of(column(*targets)), costs, account, **more)


def exits(ledger: Ledger) -> list[tuple[int, float, str]]:
    fills = ledger.fills
    return [
        (int(fills.filled[n]), float(fills.price[n]), Reason(fills.reason[n]).name)
        for n in range(1, len(fills))
    ]


FLAT = (10, 10, 10, 10)


def test_a_stop_fills_at_its_level_inside_the_bar():
    market = bars(FLAT, (10, 10.5, 9.5, 10), (10, 10, 8, 9.5))
    assert exits(run(market, 1, NAN, NAN, stops={"stop_loss": 0.1})) == [(2, 9, "STOP_LOSS")]


def test_a_gap_through_the_stop_fills_at_the_open():
    market = bars(FLAT, FLAT, (8, 8.5, 7, 8.2))
    assert exits(run(market, 1, NAN, NAN, stops={"stop_loss": 0.1})) == [(2, 8, "STOP_LOSS")]
    short = bars(FLAT, FLAT, (12, 13, 11.5, 12.5))
    assert exits(run(short, -1, NAN, NAN, stops={"stop_loss": 0.1})) == [(2, 12, "STOP_LOSS")]


def test_a_stop_counts_in_the_bar_of_the_entry():
    market = bars(FLAT, (10, 10, 8, 9), FLAT)
    assert exits(run(market, 1, NAN, NAN, stops={"stop_loss": 0.1})) == [(1, 9, "STOP_LOSS")]


def test_both_in_one_bar_is_a_stop():
    market = bars(FLAT, FLAT, (10, 12, 8, 10))
    found = run(market, 1, NAN, NAN, stops={"stop_loss": 0.1, "take_profit": 0.1})
    assert exits(found) == [(2, 9, "STOP_LOSS")]


def test_a_target_fills_at_its_level_or_at_a_better_open():
    market = bars(FLAT, FLAT, (10, 12, 10, 11.5))
    found = run(market, 1, NAN, NAN, stops={"take_profit": 0.1})
    assert exits(found) == [(2, pytest.approx(11), "TAKE_PROFIT")]
    gap = bars(FLAT, FLAT, (12, 12, 11.5, 11.5))
    found = run(gap, 1, NAN, NAN, stops={"take_profit": 0.1})
    assert exits(found) == [(2, 12, "TAKE_PROFIT")]


def test_a_trailing_stop_follows_the_best_price_of_the_bars_before():
    """Its own bar's high of 20 does not lift the stop that the same bar's low is held against."""
    market = bars(FLAT, (10, 12, 10, 12), (12, 20, 11, 19), (19, 19, 17, 18))
    found = run(market, 1, NAN, NAN, NAN, stops={"trailing": 0.1})
    # After bar 1 the stop is at 12 x 0.9 = 10.8, below bar 2's low; then at 20 x 0.9 = 18.
    assert exits(found) == [(3, 18, "TRAILING_STOP")]


def test_stops_sleep_on_a_filled_bar():
    market = bars(FLAT, FLAT, (10, 10, 8, 8), (8, 9, 7, 8), tradable=column(1, 1, 0, 1))
    assert exits(run(market, 1, NAN, NAN, NAN, stops={"stop_loss": 0.1})) == [(3, 8, "STOP_LOSS")]


def test_a_split_moves_the_stop_with_the_price():
    market = bars(FLAT, FLAT, (5, 5, 4.6, 5), (5, 5, 4, 4.2), split=column(1, 1, 2, 2))
    assert exits(run(market, 1, NAN, NAN, NAN, stops={"stop_loss": 0.1})) == [(3, 4.5, "STOP_LOSS")]


def test_after_a_stop_the_next_decision_or_a_new_signal_enters():
    market = bars(FLAT, FLAT, (10, 10, 8, 10), FLAT, FLAT, FLAT)
    stops = {"stop_loss": 0.1}
    again = run(market, 1, 1, 1, 1, 1, 1, stops=stops)
    assert exits(again) == [(2, 9, "STOP_LOSS"), (3, 10, "SIGNAL")]
    stops["reentry"] = "new_signal"
    assert exits(run(market, 1, 1, 1, 1, 1, 1, stops=stops)) == [(2, 9, "STOP_LOSS")]
    turned = run(market, 1, 1, 1, -1, 1, 1, stops=stops)
    assert exits(turned)[1:] == [(4, 10, "SIGNAL"), (5, 10, "SIGNAL")]


def test_a_dividend_is_paid_to_who_held_over_the_ex_date():
    price = column(10, 10, 9, 9)
    market = market_of(price, price, dividend=column(0, 0, 1, 0))
    long = run(market, 1, NAN, NAN, NAN)
    assert long.equity == pytest.approx([CAPITAL] * 4)
    assert long.carry.dividend[:, 0] == pytest.approx([0, 0, 100, 0])
    short = run(market, -1, NAN, NAN, NAN)
    assert short.carry.dividend[:, 0] == pytest.approx([0, 0, -100, 0])
    assert short.equity == pytest.approx([CAPITAL] * 4)
    # Bought at the open of the ex-date, sold at it: nothing, and everything.
    assert run(market, NAN, 1, NAN, NAN).carry.dividend.sum() == 0
    assert run(market, 1, 0, NAN, NAN).carry.dividend.sum() == pytest.approx(100)


def test_a_dividend_on_the_day_of_a_split_is_in_new_shares():
    market = market_of(
        column(10, 10, 4), column(10, 10, 4), split=column(1, 1, 2), dividend=column(0, 0, 1)
    )
    ledger = run(market, 1, NAN, NAN)
    assert ledger.carry.dividend[2, 0] == pytest.approx(200)
    assert ledger.equity == pytest.approx([CAPITAL] * 3)


def test_fractional_units_come_out_of_a_split():
    market = market_of(column(10, 10, 20 / 3), column(10, 10, 20 / 3), split=column(1, 1, 1.5))
    ledger = run(market, 0.005, NAN, NAN)
    assert ledger.units[:, 0] == pytest.approx([0, 0.5, 0.75])
    assert ledger.equity == pytest.approx([CAPITAL] * 3)


def test_borrow_and_funding_run_over_the_weekend():
    """Three bars, the last after three days: charged for the days between, not for the bars."""
    price = column(10, 10, 10, 10)
    day = np.timedelta64(1, "D")
    basis = market_of(price, price, minutes=1440)
    late = basis.open_time + np.array([0, 0, 0, 2]) * day
    market = Market(
        **{**vars(basis), "open_time": late, "close_time": late + np.timedelta64(1, "h")}
    )
    costs = {"borrow_rate": 0.365, "funding_long": 0.73, "funding_short": 0.073}
    long = run(market, 1, NAN, NAN, NAN, costs=costs)
    assert long.carry.funding[:, 0] == pytest.approx([0, 0, 2, 6])
    assert long.carry.borrow.sum() == 0
    short = run(market, -1, NAN, NAN, NAN, costs=costs)
    assert short.carry.borrow[:, 0] == pytest.approx([0, 0, 1, 3])
    assert short.carry.funding[:, 0] == pytest.approx([0, 0, -0.2, -0.6])
    assert short.equity[-1] == pytest.approx(CAPITAL - 4 + 0.8)


def test_impact_by_hand_and_no_cheaper_in_pieces():
    price = column(10, 10, 10)
    market = market_of(price, price)
    rate = Liquidity(impact=np.full((3, 1), 0.001))
    whole = run(market, 1, NAN, NAN, liquidity=rate)
    assert whole.fills.impact == pytest.approx([100 * 10 * 0.001 * 10])
    pieces = Liquidity(impact=rate.impact, available=np.full((3, 1), 50.0))
    parts = run(market, 1, NAN, NAN, liquidity=pieces, limits={"participation": 1.0})
    assert parts.fills.units.tolist() == [50, 50]
    assert parts.fills.impact.sum() == pytest.approx(whole.fills.impact.sum())
    assert parts.fills.impact[1] > parts.fills.impact[0]


def test_what_does_not_fill_waits_or_is_cancelled():
    price = np.full((6, 1), 10.0)
    market = market_of(price, price)
    room = Liquidity(available=np.full((6, 1), 80.0))
    targets = (1, NAN, NAN, 0, NAN, NAN)
    waits = run(market, *targets, liquidity=room, limits={"participation": 0.5})
    assert waits.units[:, 0].tolist() == [0, 40, 80, 100, 60, 20]
    limits = {"participation": 0.5, "remainder": "cancel"}
    cut = run(market, *targets, liquidity=room, limits=limits)
    assert cut.units[:, 0].tolist() == [0, 40, 40, 40, 0, 0]
    # What closes a position waits even then.
    small = Liquidity(available=np.array([80, 80, 80, 80, 20, 80.0])[:, None])
    closing = run(market, *targets, liquidity=small, limits=limits)
    assert closing.units[:, 0].tolist() == [0, 40, 40, 40, 30, 0]


def test_a_margin_call_closes_everything_and_is_in_the_ledger():
    price = column(10, 10, 9, 8.5, 8)
    market = market_of(price, price)
    limits = {"initial_margin": 0.25, "maintenance_margin": 0.2}
    ledger = run(market, 10, NAN, NAN, NAN, NAN, limits=limits)
    # Four times the equity at most: 400 units. At 9 the equity is 600, the positions 3600.
    assert ledger.units[:, 0].tolist() == [0, 400, 400, 0, 0]
    assert exits(ledger) == [(3, 8.5, "MARGIN_CALL")]
    assert ledger.fills.decided[1] == 2
    assert not ledger.ruined


def test_a_ruined_account_stays_out_for_good():
    price = column(10, 10, 4, 40, 40, 40)
    ledger = run(market_of(price, price), 2, 2, 2, 2, 2, 2)
    assert exits(ledger) == [(3, 40, "RUIN")]
    assert ledger.ruined
    assert ledger.units[3:, 0].tolist() == [0, 0, 0]


def test_a_ruined_accounts_order_keeps_the_row_of_its_ruin():
    price = column(10, 10, 4, 4, 3)
    market = market_of(price, price, tradable=column(1, 1, 1, 0, 1))
    ledger = run(market, 2, NAN, NAN, NAN, NAN)
    assert exits(ledger) == [(4, 3, "RUIN")]
    assert ledger.fills.decided[1] == 2


def test_the_stress_doubles_what_is_paid_and_not_what_is_earned():
    price = column(10, 10, 10)
    market = market_of(price, price, minutes=1440)
    rates = CostModel(borrow_rate=0.365, funding_short=0.73, funding_long=-0.73).rates(1)
    account = Account(CAPITAL)
    columns = Columns.of(account, 3, cost_scale=np.array([0.0, 1.0, 2.0]))
    for side, paid, earned in ((-1, [0, 1, 2], [0, -2, -2]), (1, [0, 0, 0], [0, -2, -2])):
        targets = Targets.of(column(side, NAN, NAN))
        passes = simulate_columns(market, targets, rates, account, columns)
        assert passes.paid[PARTS.index("borrow"), 0] == pytest.approx(paid)
        assert passes.paid[PARTS.index("funding"), 0] == pytest.approx(earned)


def test_one_name_makes_room_for_another_and_the_ledger_says_so():
    price = np.full((4, 2), 10.0)
    targets = Targets.of(np.array([[1, NAN], [NAN, 1], [NAN, NAN], [NAN, NAN]]))
    account = Account(CAPITAL, limits=Limits(gross=1.0))
    ledger = simulate(market_of(price, price), targets, CostModel().rates(2), account)
    assert ledger.units[2].tolist() == [50, 50]
    reasons = [Reason(code).name for code in ledger.fills.reason]
    assert reasons == ["SIGNAL", "LIMIT", "SIGNAL"]


def test_columns_are_accounts_of_their_own():
    price = column(10, 10, 12)
    account = Account(CAPITAL)
    columns = Columns.of(account, 3, threshold=np.array([0, 0.6, 0]), scale=np.array([1, 1, -2.0]))
    passes = simulate_columns(
        market_of(price, price), Targets.of(column(0.5, NAN, NAN)), CostModel().rates(1), account,
        columns,
    )  # fmt: skip
    assert passes.equity[-1] == pytest.approx([1100, 1000, 800])
    assert passes.count.tolist() == [[1, 0, 1]]
    assert passes.traded[0] == pytest.approx([500, 0, 1000])


def test_refusals_say_what_is_missing():
    price = column(10, 10)
    with pytest.raises(SchemaError, match="need the bars' high and low"):
        run(market_of(price, price), 1, NAN, stops={"stop_loss": 0.1})
    torn = bars(FLAT, (10, 9, 9, 10))
    with pytest.raises(SchemaError, match="outside low … high"):
        run(torn, 1, NAN, stops={"stop_loss": 0.1})
    unknown = Liquidity(impact=column(0, NAN))
    with pytest.raises(SchemaError, match="no impact rate of test"):
        run(market_of(price, price), 1, NAN, liquidity=unknown)
    account = Account(CAPITAL)
    with pytest.raises(ConfigError, match="no column parameter treshold"):
        Columns.of(account, 2, treshold=1.0)
    with pytest.raises(ConfigError, match="3 columns"):
        Columns.of(account, 3, scale=np.ones(2))
    with pytest.raises(ConfigError, match="must not be negative"):
        Columns.of(account, 2, band=-1.0)
    with pytest.raises(ConfigError, match="gross must be positive"):
        Columns.of(account, 2, gross=np.array([0.0, 1.0]))
    market, rates = market_of(price, price), CostModel().rates(1)
    targets, columns = Targets.of(np.zeros((2, 1, 2))), Columns.of(account, 3)
    with pytest.raises(SchemaError, match="for 2 columns, the parameters for 3"):
        simulate_columns(market, targets, rates, account, columns)
    passes = simulate_columns(
        market_of(price, price), Targets.of(price), CostModel().rates(1), account,
        Columns.of(account),
    )  # fmt: skip
    with pytest.raises(SchemaError, match="keep=True"):
        passes.ledger(0)
