import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.calendars import calendar_for
from fints_pipeline.data.placing import place_daily, refuse_unplaced, sessions_from

CALENDARS = ["XNYS", "XTKS", "XHKG", "fx_24_5", "crypto_24_7"]


@pytest.mark.parametrize("name", CALENDARS)
@given(offsets=st.lists(st.integers(0, 400), min_size=1, max_size=30))
def test_a_days_bar_opens_and_closes_with_its_session(name: str, offsets: list[int]):
    calendar = calendar_for(name)
    days = np.datetime64("2022-06-01") + np.array(offsets)
    opened, closed = place_daily(days, calendar)
    assert (calendar.trading_day(opened) == days).all()
    assert (closed > opened).all()
    table = calendar.sessions(days.min().item(), days.max().item())
    hours = {row.session.date(): row for row in table.itertuples()}
    for day, start, end in zip(days.tolist(), opened, closed, strict=True):
        if day in hours:
            assert start == hours[day].session_open.tz_localize(None).to_datetime64()
            assert end == hours[day].session_close.tz_localize(None).to_datetime64()


def test_half_days_close_early():
    _, closed = place_daily(np.array(["2023-11-24"], "datetime64[D]"), calendar_for("XNYS"))
    assert str(closed[0])[:16] == "2023-11-24T18:00"


def test_no_days_are_placed_nowhere():
    opened, closed = place_daily(np.array([], "datetime64[D]"), calendar_for("XNYS"))
    assert (opened.size, closed.size) == (0, 0)


def test_an_action_on_a_closed_day_moves_to_the_next_session():
    days = np.array(["2014-06-07", "2014-06-09", "2023-12-25"], "datetime64[D]")
    moved = sessions_from(days, calendar_for("XNYS"))
    assert moved.astype(str).tolist() == ["2014-06-09", "2014-06-09", "2023-12-26"]


def stamps(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[us]")


def test_a_day_under_one_stamp_is_refused():
    fine = ["2018-01-04T09:30", "2018-01-04T09:31"]
    with pytest.raises(ArchiveError, match="all 5 bars of 2018-01-05 carry one stamp") as refusal:
        refuse_unplaced(stamps(*fine, *["2018-01-05"] * 5), None, "x.csv")
    assert refusal.value.where == "x.csv, first in row 3"


def test_duplicates_are_left_to_the_cleaner():
    refuse_unplaced(stamps(*["2018-01-05"] * 4), None, "x.csv")
    refuse_unplaced(stamps(*["2018-01-05T10:00"] * 9, "2018-01-05T10:01"), None, "x.csv")
    refuse_unplaced(stamps(), None, "x.csv")


def test_many_symbols_may_share_a_stamp_but_not_one_symbol_a_day():
    shared = stamps(*["2018-01-05T09:30"] * 12)
    refuse_unplaced(shared, np.arange(12), "x.csv")
    with pytest.raises(ArchiveError, match="all 6 bars"):
        refuse_unplaced(shared, np.arange(12) % 2, "x.csv")
