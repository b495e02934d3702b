import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.data.calendars import calendar_for
from fints_pipeline.data.calendars.cme_products import CME_PRODUCTS

NAMES = sorted(CME_PRODUCTS)


def hours(name: str, day: str) -> list[str]:
    """Return the segments of a session in Chicago's time, ``Thu 19:00-Fri 07:45``."""
    at = date.fromisoformat(day)
    rows = calendar_for(name).schedule(at, at)
    pairs = zip(rows["start"], rows["end"], strict=True)
    return ["-".join(f"{t.tz_convert('America/Chicago'):%a %H:%M}" for t in pair) for pair in pairs]


@pytest.mark.parametrize("name", ["cme_energy", "cme_metals", "cme_rates", "cme_fx"])
def test_a_session_is_23_hours(name: str):
    assert hours(name, "2024-05-08") == ["Tue 17:00-Wed 16:00"]


def test_grains_pause_in_the_morning_and_livestock_trades_by_day():
    assert hours("cme_grains", "2024-05-08") == ["Tue 19:00-Wed 07:45", "Wed 08:30-Wed 13:20"]
    assert hours("cme_livestock", "2024-05-08") == ["Wed 08:30-Wed 13:05"]


@pytest.mark.parametrize(
    ("name", "day", "expected"),
    [
        ("cme_energy", "2020-12-24", ["Wed 17:00-Thu 12:45"]),  # the library: 16:00
        ("cme_energy", "2023-09-04", ["Sun 17:00-Mon 13:30"]),  # the library: 12:00
        ("cme_energy", "2025-07-04", ["Thu 17:00-Fri 12:00"]),  # the library: 13:30
        ("cme_metals", "2025-11-28", ["Thu 17:00-Fri 13:45"]),  # the library: 12:45
        ("cme_energy", "2023-04-07", []),  # Good Friday, payrolls or not
        ("cme_rates", "2023-04-07", ["Thu 17:00-Fri 10:15"]),  # on the day of the payrolls
        ("cme_rates", "2024-03-29", []),  # the library: 10:15
        ("cme_fx", "2025-04-18", []),  # the library: 10:15
        ("cme_fx", "2021-05-31", ["Sun 17:00-Mon 12:00"]),
        ("cme_fx", "2024-05-27", ["Sun 17:00-Mon 16:00"]),  # from 2022 on it trades on
        ("cme_fx", "2026-06-19", ["Thu 17:00-Fri 12:00"]),  # the library: 16:00
        ("cme_grains", "2024-06-19", []),  # the library: a session
        ("cme_grains", "2021-11-26", ["Fri 08:30-Fri 12:05"]),  # the library: whole
        ("cme_grains", "2018-07-05", ["Thu 08:30-Thu 13:20"]),
        ("cme_grains", "2018-07-03", ["Mon 19:00-Tue 07:45", "Tue 08:30-Tue 12:05"]),
        ("cme_livestock", "2022-06-20", []),  # the library: a session
        ("cme_livestock", "2019-12-24", ["Tue 08:30-Tue 12:15"]),  # the library: 12:05
        ("cme_livestock", "2021-11-26", ["Fri 08:30-Fri 12:05"]),
    ],
)
def test_holidays(name: str, day: str, expected: list[str]):
    assert hours(name, day) == expected


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("month", ["2021-03", "2021-11", "2024-07"])
def test_every_scheduled_minute_belongs_to_its_session(name: str, month: str):
    calendar = calendar_for(name)
    segments = calendar.month_segments(month)
    for at in (segments.start, segments.end - np.timedelta64(1, "m")):
        days = calendar.trading_day(at)
        np.testing.assert_array_equal(days, segments.session.astype("datetime64[D]"))
        np.testing.assert_array_equal(segments.locate(at), np.arange(len(segments)))
    assert (segments.start[1:] >= segments.end[:-1]).all()


def test_a_schedule_of_years_is_that_of_its_days():
    calendar = calendar_for("cme_grains")
    whole = calendar.schedule(date(2019, 12, 1), date(2020, 1, 31))
    days = pd.date_range("2019-12-01", "2020-01-31").date
    parts = pd.concat([calendar.schedule(day, day) for day in days], ignore_index=True)
    pd.testing.assert_frame_equal(whole, parts)


def test_other_hours_before_march_2016():
    with pytest.raises(CalendarError, match="does not cover 2016-02-01"):
        calendar_for("cme_fx").sessions(date(2016, 2, 1), date(2016, 2, 28))


# Days on which LEAN's list is silent, or says otherwise; the decision record has the reasons.
OPEN_QUESTIONS = {
    "Future-nymex-CL": "2024-11-29",
    "Future-comex-HG": """
        2020-01-20 2020-02-17 2020-05-25 2020-07-03 2020-09-07 2020-11-26 2020-11-27 2020-12-24
        2021-01-18 2021-02-15 2021-05-31 2021-07-05 2021-09-06 2021-11-25 2021-11-26
        2022-01-17 2022-02-21 2022-05-30 2022-06-20 2022-07-04 2022-09-05 2022-11-24 2022-11-25
        2023-01-16 2023-02-20 2023-05-29 2023-06-19 2023-07-04 2023-09-04 2023-11-23 2023-11-24
        2024-11-29
    """,
    "Future-cbot-ZN": "2024-11-29",
    "Future-cme-6E": "2024-11-29",
    "Future-cbot-ZC": "2017-11-24 2024-11-29",
    "Future-cme-LE": "2016-12-23 2024-11-29 2024-12-24",
}


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "entry", "usual"),
    [
        ("cme_energy", "Future-nymex-CL", "17:00:00"),
        ("cme_metals", "Future-comex-HG", "17:00:00"),
        ("cme_rates", "Future-cbot-ZN", "16:00:00"),
        ("cme_fx", "Future-cme-6E", "16:00:00"),
        ("cme_grains", "Future-cbot-ZC", "13:20:00"),
        ("cme_livestock", "Future-cme-LE", "13:05:00"),
    ],
)
def test_agrees_with_leans_early_closes(shared_data: Path, name: str, entry: str, usual: str):
    path = shared_data / "corporate_actions/lean/market-hours/market-hours-database.json"
    lean = json.loads(path.read_text())["entries"][entry]
    table = calendar_for(name).sessions(date(2016, 3, 1), date(2026, 10, 31)).set_index("session")
    closes = table["session_close"].dt.tz_convert(lean["exchangeTimeZone"])
    clocks = closes.dt.strftime("%H:%M:%S")
    ours = clocks[clocks != usual].to_dict()
    # A close at the usual time or later only says that no evening session follows.
    listed = {pd.Timestamp(day): clock for day, clock in lean["earlyCloses"].items()}
    theirs = {
        day: clock
        for day, clock in listed.items()
        if table.index[0] <= day <= table.index[-1] and clock < usual and day.weekday() < 5
    }
    differ = {day for day in ours.keys() | theirs.keys() if ours.get(day) != theirs.get(day)}
    assert sorted(str(day.date()) for day in differ) == OPEN_QUESTIONS[entry].split()
    assert len(theirs) > 15
