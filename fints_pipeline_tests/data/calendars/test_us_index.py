import json
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.data.calendars import calendar_for

NAMES = ["cme_equity_index", "us_index_cfd"]


def sessions(name: str, first: date, last: date) -> pd.DataFrame:
    table = calendar_for(name).sessions(first, last).set_index("session")
    return table.apply(lambda column: column.dt.tz_convert("America/Chicago"))


def hours(name: str, day: date) -> list[str]:
    rows = calendar_for(name).schedule(day, day)
    return [
        f"{stamp:%a %H:%M}"
        for pair in zip(rows["start"], rows["end"], strict=True)
        for stamp in (moment.tz_convert("America/Chicago") for moment in pair)
    ]


def test_a_session_is_23_hours_and_the_pause_went_in_june_2021():
    before, after = date(2021, 6, 25), date(2021, 6, 28)
    assert hours("cme_equity_index", before) == ["Thu 17:00", "Fri 15:15", "Fri 15:30", "Fri 16:00"]
    assert hours("cme_equity_index", after) == ["Sun 17:00", "Mon 16:00"]
    assert hours("us_index_cfd", after) == ["Sun 17:00", "Mon 15:15", "Mon 15:30", "Mon 16:00"]


@pytest.mark.parametrize(
    ("day", "close"),
    [
        (date(2024, 11, 28), "12:00"),  # Thanksgiving
        (date(2024, 11, 29), "12:15"),
        (date(2024, 12, 24), "12:15"),
        (date(2024, 7, 3), "12:15"),
        (date(2024, 7, 4), "12:00"),
        (date(2022, 6, 20), "12:00"),  # Juneteenth, observed on Monday
        (date(2021, 6, 18), "16:00"),  # a year before it was a holiday of the exchange
        (date(2023, 4, 7), "08:15"),  # Good Friday on the day of the payrolls
        (date(2020, 7, 3), "12:00"),  # Independence Day, observed on Friday
        (date(2020, 7, 2), "16:00"),
    ],
)
def test_holidays_close_early(day: date, close: str):
    found = sessions("cme_equity_index", day, day)["session_close"]
    assert found.dt.strftime("%H:%M").tolist() == [close]


@pytest.mark.parametrize(
    "day",
    [date(2024, 1, 1), date(2023, 1, 2), date(2024, 3, 29), date(2024, 12, 25), date(2021, 12, 24)],
)
@pytest.mark.parametrize("name", NAMES)
def test_closed_days_have_no_session(name: str, day: date):
    assert sessions(name, day, day).empty


def test_on_new_years_eve_before_a_saturday_it_trades():
    assert len(sessions("cme_equity_index", date(2021, 12, 31), date(2021, 12, 31))) == 1


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


def test_other_hours_before_september_2015():
    with pytest.raises(CalendarError, match="does not cover 2015-08-01"):
        calendar_for("cme_equity_index").sessions(date(2015, 8, 1), date(2015, 8, 31))
    first = sessions("cme_equity_index", date(2015, 9, 1), date(2015, 9, 30))
    assert first.index[0] == pd.Timestamp("2015-09-21")


@pytest.mark.shared_data
def test_agrees_with_leans_hours_of_the_es_future(shared_data: Path):
    path = shared_data / "corporate_actions/lean/market-hours/market-hours-database.json"
    entry = json.loads(path.read_text())["entries"]["Future-cme-ES"]
    found = sessions("cme_equity_index", date(2015, 9, 21), date(2026, 10, 31))
    closes = found["session_close"].dt.tz_convert("America/New_York").dt.strftime("%H:%M:%S")
    early = closes[closes != "17:00:00"]
    listed = {pd.Timestamp(day): clock for day, clock in entry["earlyCloses"].items()}
    # Entries at 17:00 and 16:59 are closes before a day without a session.
    listed = {
        day: clock
        for day, clock in listed.items()
        if found.index[0] <= day <= found.index[-1] and clock < "16:30:00"
    }
    assert len(listed) > 80
    assert {day: early.get(day) for day in listed} == listed
    # It leaves out three half-days on which the stock exchanges closed early too.
    more = sorted(str(day.date()) for day in early.index if day not in listed)
    assert more == ["2023-07-03", "2024-07-03", "2024-11-29"]
