from datetime import date

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.data.calendars import calendar_for


def stamps(*values: str) -> np.ndarray:
    return np.array(values, dtype="datetime64[us]")


def test_half_day_after_thanksgiving_closes_at_13():
    sessions = calendar_for("XNYS").sessions(date(2024, 11, 27), date(2024, 12, 1))
    assert sessions["session"].dt.day.tolist() == [27, 29]
    assert sessions["session_close"].tolist() == [
        pd.Timestamp("2024-11-27 21:00", tz="UTC"),
        pd.Timestamp("2024-11-29 18:00", tz="UTC"),
    ]


def test_summer_time_moves_the_open_in_utc():
    calendar = calendar_for("XNYS")
    opens = [calendar.sessions(d, d)["session_open"][0].hour for d in
             (date(2024, 3, 8), date(2024, 3, 11))]  # fmt: skip
    assert opens == [14, 13]


def test_outside_of_sessions_the_trading_day_is_the_local_date():
    days = calendar_for("XNYS").trading_day(
        stamps("2024-11-28T15:00", "2024-11-28T03:00", "2024-11-29T19:30", "2024-11-30T15:00")
    )
    assert days.astype(str).tolist() == ["2024-11-28", "2024-11-27", "2024-11-29", "2024-11-30"]


def test_an_evening_session_belongs_to_the_day_it_closes_on():
    # CME equity index futures: Sunday 17:00 Chicago opens Monday's session.
    days = calendar_for("CMES").trading_day(
        stamps("2024-12-01T22:30", "2024-12-01T23:00", "2024-12-31T23:30", "2025-01-01T23:30")
    )
    # No session begins on New Year's Eve: that stamp keeps its local date.
    assert days.astype(str).tolist() == ["2024-12-01", "2024-12-02", "2024-12-31", "2025-01-02"]


def test_a_lunch_break_divides_the_session():
    calendar = calendar_for("XTKS")
    segments = calendar.month_segments("2024-12")
    assert len(segments) == 2 * len(calendar.sessions(date(2024, 12, 1), date(2024, 12, 31)))
    located = segments.locate(stamps("2024-12-02T02:29", "2024-12-02T02:30", "2024-12-02T03:30"))
    assert located.tolist() == [0, -1, 1]


@pytest.mark.parametrize("code", ["XNYS", "XTKS", "CMES", "XHKG", "XLON", "XSAU"])
def test_every_scheduled_minute_belongs_to_its_session(code: str):
    calendar = calendar_for(code)
    segments = calendar.month_segments("2025-01")
    for at in (segments.start, segments.end - np.timedelta64(1, "m")):
        days = calendar.trading_day(at)
        np.testing.assert_array_equal(days, segments.session.astype("datetime64[D]"))
        np.testing.assert_array_equal(segments.locate(at), np.arange(len(segments)))
    assert (segments.locate(segments.end) != np.arange(len(segments))).all()


def test_trading_day_of_nothing_is_nothing():
    assert len(calendar_for("XNYS").trading_day(stamps())) == 0


def test_years_that_a_calendar_does_not_cover():
    calendar = calendar_for("XSAU")
    days = calendar.trading_day(stamps("1999-05-03T09:00"))
    assert str(days[0]) == "1999-05-03"
    with pytest.raises(CalendarError, match="XSAU does not cover 1999"):
        calendar.sessions(date(1999, 5, 1), date(1999, 5, 31))
