from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.data.calendars import calendar_for

NEW_YORK = ZoneInfo("America/New_York")
STAMPS = st.datetimes(datetime(2018, 1, 1), datetime(2026, 1, 1)).map(
    lambda stamp: stamp.replace(second=0, microsecond=0)
)


@given(STAMPS)
def test_trading_day_is_new_york_plus_seven_hours(stamp: datetime):
    wall = stamp.replace(tzinfo=UTC).astimezone(NEW_YORK).replace(tzinfo=None)
    day = calendar_for("fx_24_5").trading_day(np.array([stamp], dtype="datetime64[us]"))
    assert day[0].item() == (wall + timedelta(hours=7)).date()


@given(STAMPS)
def test_open_from_sunday_to_friday_at_17_new_york(stamp: datetime):
    wall = stamp.replace(tzinfo=UTC).astimezone(NEW_YORK)
    week_minute = wall.weekday() * 1440 + wall.hour * 60 + wall.minute
    is_open = not 4 * 1440 + 17 * 60 <= week_minute < 6 * 1440 + 17 * 60
    calendar = calendar_for("fx_24_5")
    stamps = np.array([stamp], dtype="datetime64[us]")
    is_open &= str(calendar.trading_day(stamps)[0])[5:] != "01-01"
    month = str(calendar.trading_day(stamps)[0])[:7]
    segments = calendar.month_segments(month)
    found = segments.locate(stamps)[0]
    assert (found >= 0) == is_open
    if is_open:
        assert segments.session[found] == calendar.trading_day(stamps)[0]


@pytest.mark.parametrize(
    ("session", "opens", "closes"),
    [
        ("2024-03-08", "2024-03-07 22:00", "2024-03-08 22:00"),  # winter
        ("2024-03-11", "2024-03-10 21:00", "2024-03-11 21:00"),  # the day the clocks went forward
        ("2024-11-01", "2024-10-31 21:00", "2024-11-01 21:00"),  # summer
        ("2024-11-04", "2024-11-03 22:00", "2024-11-04 22:00"),  # the day the clocks went back
    ],
)
def test_daylight_saving_moves_the_session_in_utc(session: str, opens: str, closes: str):
    day = date.fromisoformat(session)
    row = calendar_for("fx_24_5").sessions(day, day).iloc[0]
    assert row["session_open"] == pd.Timestamp(opens, tz="UTC")
    assert row["session_close"] == pd.Timestamp(closes, tz="UTC")


def test_no_session_on_saturday_and_sunday():
    sessions = calendar_for("fx_24_5").sessions(date(2024, 3, 8), date(2024, 3, 12))
    assert sessions["session"].dt.day.tolist() == [8, 11, 12]
    assert calendar_for("fx_24_5").sessions(date(2024, 3, 9), date(2024, 3, 10)).empty


def test_friday_evening_belongs_to_a_day_that_does_not_trade():
    stamps = np.array(["2024-03-08T22:30"], dtype="datetime64[us]")  # 17:30 in New York
    calendar = calendar_for("fx_24_5")
    assert str(calendar.trading_day(stamps)[0]) == "2024-03-09"
    assert calendar.month_segments("2024-03").locate(stamps)[0] == -1


def test_new_years_day_has_no_session():
    sessions = calendar_for("fx_24_5").sessions(date(2018, 12, 28), date(2019, 1, 3))
    assert sessions["session"].dt.strftime("%m-%d").tolist() == ["12-28", "12-31", "01-02", "01-03"]
