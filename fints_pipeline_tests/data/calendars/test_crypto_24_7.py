from datetime import date

import numpy as np
import pandas as pd

from fints_pipeline.data.calendars import calendar_for


def test_session_is_the_utc_day():
    stamps = np.array(["2024-03-09T23:59", "2024-03-10T00:00"], dtype="datetime64[us]")
    days = calendar_for("crypto_24_7").trading_day(stamps)
    assert days.astype(str).tolist() == ["2024-03-09", "2024-03-10"]


def test_weekends_and_leap_days_are_sessions():
    sessions = calendar_for("crypto_24_7").sessions(date(2024, 2, 28), date(2024, 3, 3))
    assert list(sessions.columns) == ["session", "session_open", "session_close"]
    assert sessions["session"].dt.strftime("%m-%d").tolist() == [
        "02-28", "02-29", "03-01", "03-02", "03-03",
    ]  # fmt: skip
    assert (sessions["session_close"] - sessions["session_open"] == pd.Timedelta("1D")).all()
    assert sessions["session_open"][0] == pd.Timestamp("2024-02-28", tz="UTC")
