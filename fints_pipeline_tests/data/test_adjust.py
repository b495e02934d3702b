from datetime import UTC, datetime

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.frames import to_arrow
from fints_pipeline.data.adjust import adjusted
from fints_pipeline.data.corporate_actions import split_factor
from fints_pipeline.schemas.bars import BARS
from fints_pipeline_tests.data.raw import actions, no_actions
from fints_pipeline_tests.hand import hand_bars, opens
from fints_pipeline_tests.strategies import random_bars

K = "2020-01-01"
A = "test.AAA"
SESSIONS = ["2024-03-04", "2024-03-05", "2024-03-06", "2024-03-07"]


def daily(*prices: float) -> pd.DataFrame:
    """One bar a session that closes with it."""
    bars = hand_bars(opens(*prices), sessions=SESSIONS[: len(prices)])
    return bars.assign(close_time=bars["session_close"])


def view(bars: pd.DataFrame, mode: str, *rows: tuple[object, ...], as_of: str | None = None):
    moment = None if as_of is None else datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    table = actions([(A, *row) if len(row) == 4 else (A, *row, K) for row in rows])
    return adjusted(bars, table, mode, moment)


def test_a_split_view_is_in_shares_of_the_last_bar():
    bars = daily(100, 102, 51, 52)
    found = view(bars, "split", ("2024-03-06", "split", 2.0))
    assert found["close"].tolist() == [50, 51, 51, 52]
    assert found["volume"].tolist() == [200, 200, 100, 100]
    assert (found["split_factor"] == 1).all()
    pd.testing.assert_frame_equal(view(bars, "raw", ("2024-03-06", "split", 2.0)), bars)


def test_yesterdays_view_does_not_change_when_a_split_happens_tomorrow():
    bars = daily(100, 102, 51, 52)
    split = ("2024-03-06", "split", 2.0)
    before = view(bars[:2], "split")
    pd.testing.assert_frame_equal(view(bars, "split", split, as_of="2024-03-05T22:00"), before)
    pd.testing.assert_frame_equal(view(bars[:2], "split", split), before)


def test_a_total_return_reinvests_at_the_ex_dates_close():
    bars = daily(100, 100, 96, 99)
    found = view(bars, "total_return", ("2024-03-06", "dividend", 4.0))
    close = found["close"].to_numpy()
    assert close[2] / close[1] == pytest.approx((96 + 4) / 100, rel=1e-15)
    assert close[[2, 3]].tolist() == [96, 99]
    assert found["volume"].tolist() == [100] * 4
    assert view(bars, "split", ("2024-03-06", "dividend", 4.0))["close"].tolist() == [
        100, 100, 96, 99,
    ]  # fmt: skip


def test_a_dividend_on_the_day_of_a_split_is_paid_on_the_new_shares():
    found = view(
        daily(100, 100, 48, 50),
        "total_return",
        ("2024-03-06", "split", 2.0),
        ("2024-03-06", "dividend", 2.0),
    )
    assert found["close"][2] / found["close"][1] == pytest.approx(2 * (48 + 2) / 100, rel=1e-15)


def test_an_ex_date_on_a_closed_day_counts_at_the_next_session():
    bars = daily(100, 100, 96, 99).drop(index=2)
    found = view(bars, "total_return", ("2024-03-06", "dividend", 4.0))
    assert found["close"].iloc[-2] == pytest.approx(100 / (1 + 4 / 99))


def test_a_dividend_is_not_paid_before_its_session_has_closed():
    bars = hand_bars(opens(100, 100, 96, 97), sessions=[SESSIONS[0]] * 2 + [SESSIONS[1]] * 2)
    dividend = ("2024-03-05", "dividend", 4.0)
    assert view(bars, "total_return", dividend)["close"].tolist() == [100, 100, 96, 97]


def test_a_correction_delivered_later_leaves_the_earlier_view_alone():
    bars = daily(100, 102, 51, 52)
    first = ("2024-03-06", "split", 2.0, "2024-03-01")
    mended = ("2024-03-06", "split", 4.0, "2024-04-01")
    assert view(bars, "split", first, mended)["close"][0] == 50
    assert view(bars, "split", first, mended, as_of="2024-04-02")["close"][0] == 25
    assert view(bars, "split", first, mended, as_of="2024-03-31")["close"][0] == 50
    # Delivered after the moment asked for, and history all the same: the first version counts.
    late = ("2024-03-06", "split", 2.0, "2026-01-01")
    assert view(bars, "split", late, as_of="2024-03-31")["close"][0] == 50


def test_a_dividend_that_is_no_amount_is_refused():
    with pytest.raises(SchemaError, match="a dividend must be positive"):
        view(daily(1, 1), "total_return", ("2024-03-05", "dividend", -1.0))


@pytest.mark.parametrize("mode", ["raw", "split", "total_return"])
def test_nothing_in_nothing_out(mode: str):
    assert view(daily(1)[:0], mode).empty
    assert view(daily(1), mode, as_of="2020-01-01").empty


@given(st.integers(0, 2**32 - 1), st.sampled_from([2.0, 4.0, 0.5]), st.data())
@settings(max_examples=25)
def test_an_injected_split_changes_no_adjusted_return(seed: int, ratio: float, data: st.DataObject):
    """Halve the prices and double the volumes from a session on, and record it."""
    bars = random_bars(120, seed, sessions=10)
    days = bars["session"].drop_duplicates().to_list()
    ex_date = data.draw(st.sampled_from(days))
    split = bars.copy()
    later = split["session"] >= ex_date
    for name in ("open", "high", "low", "close"):
        split.loc[later, name] /= ratio
    split.loc[later, "volume"] *= ratio
    day = str(ex_date.date())
    dividend = (A, str(days[-2].date()), "dividend", 0.5, K) if len(days) > 2 else None
    paid = [dividend] if dividend else []
    table = actions([(A, day, "split", ratio, K)])
    split["split_factor"] = split_factor(table, A, split["session"].to_numpy())
    plain, adjusted_ = adjusted(bars, no_actions(), "split"), adjusted(split, table, "split")
    for name in ("open", "high", "low", "close"):
        scale = adjusted_[name].to_numpy() / plain[name].to_numpy()
        np.testing.assert_array_equal(scale, scale[0])  # powers of two are exact
    # The causal factor of the bars table says the same.
    np.testing.assert_allclose(
        (split["close"] * split["split_factor"]).to_numpy(), bars["close"], rtol=1e-14
    )
    BARS.validate(to_arrow(adjusted_, BARS.arrow_schema))
    if paid and days[-2] < ex_date:
        whole = adjusted(split, actions([*paid, (A, day, "split", ratio, K)]), "total_return")
        alone = adjusted(bars, actions(paid), "total_return")
        scale = whole["close"].to_numpy() / alone["close"].to_numpy()
        np.testing.assert_allclose(scale, scale[0], rtol=1e-14)


@given(st.integers(0, 2**32 - 1), st.data())
@settings(max_examples=15)
def test_what_happens_later_changes_no_earlier_view(seed: int, data: st.DataObject):
    bars = random_bars(80, seed, sessions=8)
    days = [str(day.date()) for day in bars["session"].drop_duplicates()]
    kinds = st.sampled_from(["split", "dividend"])
    drawn = data.draw(st.lists(st.tuples(st.sampled_from(days), kinds), unique=True, max_size=6))
    table = actions([(A, day, kind, 2.0, K) for day, kind in drawn])
    cut = data.draw(st.integers(1, len(bars)))
    moment = bars["close_time"].iloc[cut - 1]
    for mode in ("split", "total_return"):
        now = adjusted(bars, table, mode, moment.to_pydatetime())
        then = adjusted(bars[:cut], table[table["ex_date"] <= bars["session"].iloc[cut - 1]], mode)
        pd.testing.assert_frame_equal(now, then)
