"""Every zone that a data set could be wrongly declared in is found, on made-up markets."""

from datetime import date

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.data.calendars import calendar_for, naive_utc
from fints_pipeline.data.clock import check_clock

MINUTE = np.timedelta64(1, "m")


def minutes_of(calendar: str, first: date, last: date) -> np.ndarray:
    schedule = calendar_for(calendar).schedule(first, last)
    starts, ends = naive_utc(schedule["start"]), naive_utc(schedule["end"])
    parts = [np.arange(a, b, MINUTE) for a, b in zip(starts, ends, strict=True)]
    return np.concatenate(parts)


def misread(utc: np.ndarray, written: str, declared: str) -> np.ndarray:
    """What becomes of stamps written on one zone's clock and read as another's."""
    local = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(written).tz_localize(None)
    known = np.ones(len(local), dtype=bool)
    aware = local.tz_localize(declared, ambiguous=known, nonexistent="shift_forward")
    return aware.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")


def opening_burst(utc: np.ndarray, seed: int = 0) -> np.ndarray:
    """Volume that is highest after a session's first minute."""
    first = np.r_[True, np.diff(utc) > np.timedelta64(6, "h")]
    since = np.arange(utc.size) - np.maximum.accumulate(np.where(first, np.arange(utc.size), 0))
    noise = np.random.default_rng(seed).lognormal(size=utc.size)
    return noise * (1 + 20 * np.exp(-since / 5))


NEW_YORK = minutes_of("XNYS", date(2023, 1, 3), date(2023, 6, 30))
FX = minutes_of("fx_24_5", date(2023, 1, 2), date(2023, 12, 29))


@pytest.mark.parametrize("declared", ["UTC", "America/New_York", "Europe/London", "Asia/Tokyo"])
def test_a_right_declaration_passes_in_whatever_zone(declared: str):
    utc = misread(NEW_YORK, declared, declared)
    report = check_clock(utc, opening_burst(NEW_YORK), calendar_for("XNYS"), declared)
    assert report.passed
    assert report.suggested is None
    assert [round(season.burst) for season in report.evidence[0].seasons] == [0, 0]


@pytest.mark.parametrize(
    ("written", "declared"),
    [
        ("America/New_York", "UTC"),
        ("UTC", "America/New_York"),
        ("America/New_York", "EST"),
        ("America/Chicago", "America/New_York"),
        ("Europe/London", "UTC"),
        ("Asia/Tokyo", "UTC"),
    ],
)
def test_a_wrong_declaration_fails_with_the_zone_that_fits(written: str, declared: str):
    utc = misread(NEW_YORK, written, declared)
    report = check_clock(utc, opening_burst(NEW_YORK), calendar_for("XNYS"), declared)
    assert not report.passed
    assert report.suggested == written
    assert f"timezone: {written}" in report.reason
    assert report.evidence[0].misfit_minutes > 20 > report.evidence[1].misfit_minutes


def test_extended_hours_do_not_hide_the_open():
    first, last = date(2023, 1, 3), date(2023, 6, 30)
    schedule = calendar_for("XNYS").schedule(first, last)
    starts, ends = naive_utc(schedule["start"]), naive_utc(schedule["end"])
    wide = [
        np.arange(a - 330 * MINUTE, b + 240 * MINUTE, MINUTE)
        for a, b in zip(starts, ends, strict=True)
    ]
    utc = np.concatenate(wide)
    inside = np.isin(utc, NEW_YORK)
    volume = np.where(inside, 100.0, 1.0)
    assert check_clock(utc, volume, calendar_for("XNYS"), "UTC").passed
    wrong = misread(utc, "America/New_York", "UTC")
    report = check_clock(wrong, volume, calendar_for("XNYS"), "UTC")
    assert (report.passed, report.suggested) == (False, "America/New_York")


@pytest.mark.parametrize("declared", ["EST", "UTC", "Europe/London", "Etc/GMT+4"])
def test_fx_is_told_by_the_edges_of_its_week(declared: str):
    ranges = np.ones(FX.size)
    calendar = calendar_for("fx_24_5")
    assert check_clock(FX, ranges, calendar, "America/New_York").passed
    report = check_clock(misread(FX, "America/New_York", declared), ranges, calendar, declared)
    assert (report.passed, report.suggested) == (False, "America/New_York")


def test_evidence_tells_the_hour_of_the_wrong_season_alone():
    wrong = misread(FX, "America/New_York", "EST")
    report = check_clock(wrong, np.ones(FX.size), calendar_for("fx_24_5"), "EST")
    summer, winter = report.evidence[0].seasons
    assert (summer.opens_utc, summer.first, summer.last) == ("21:00", 60, 60)
    assert (winter.opens_utc, winter.first, winter.last) == ("22:00", 0, 0)
    assert summer.inside < winter.inside == 1
    table = report.to_markdown()
    assert "| EST | opens 21:00 UTC |" in table
    assert "| America/New_York | opens 21:00 UTC |" in table


def test_winter_alone_cannot_tell_est_from_new_york():
    winter = minutes_of("fx_24_5", date(2023, 1, 2), date(2023, 2, 24))
    assert check_clock(winter, np.ones(winter.size), calendar_for("fx_24_5"), "EST").passed


def test_a_market_that_never_closes_has_nothing_to_compare():
    utc = np.arange("2023-01-01", "2023-02-01", dtype="datetime64[m]")
    report = check_clock(utc, np.ones(utc.size), calendar_for("crypto_24_7"), "UTC")
    assert report.passed
    assert "never closes" in report.reason
    assert report.to_markdown() == report.reason


def test_a_few_days_are_not_enough():
    few = NEW_YORK[: 3 * 390]
    report = check_clock(few, np.ones(few.size), calendar_for("XNYS"), "UTC")
    assert report.passed
    assert "fewer than 5 sessions" in report.reason


def test_order_and_unknown_activity_do_not_matter():
    order = np.random.default_rng(1).permutation(NEW_YORK.size)
    volume = np.where(np.arange(NEW_YORK.size) % 7 == 0, np.nan, opening_burst(NEW_YORK))
    straight = check_clock(NEW_YORK, volume, calendar_for("XNYS"), "UTC")
    assert straight == check_clock(NEW_YORK[order], volume[order], calendar_for("XNYS"), "UTC")


def test_a_month_without_bars_says_so():
    none = np.array([], dtype="datetime64[us]")
    report = check_clock(none, np.array([]), calendar_for("XNYS"), "UTC")
    assert report.passed
    assert report.evidence == ()
    assert report.reason == "there are no bars to compare"


def test_days_with_holes_between_are_too_few_to_judge_by():
    """Three deliveries of two days each, as an inbox of daily files with gaps has them."""
    days = ["2016-08-19", "2016-08-22", "2016-08-23", "2016-08-30", "2016-09-01", "2016-09-08"]
    utc = np.array([f"{day}T13:30" for day in days], dtype="datetime64[us]")
    report = check_clock(utc, np.zeros(6), calendar_for("XNYS"), "America/New_York", 390)
    assert report.passed
    assert report.evidence == ()
    assert "too few openings" in report.reason


def test_a_zone_that_shows_nothing_is_no_better_one():
    """Daily bars an hour off: on most other clocks they lie days away from any opening."""
    schedule = calendar_for("XNYS").schedule(date(2023, 1, 3), date(2023, 1, 31))
    utc = naive_utc(schedule["start"])[::2] + 60 * MINUTE
    report = check_clock(utc, np.zeros(utc.size), calendar_for("XNYS"), "America/New_York", 390)
    assert report.passed


def test_the_order_of_stamps_does_not_matter():
    shuffled = np.random.default_rng(1).permutation(NEW_YORK.size)
    utc, activity = misread(NEW_YORK, "UTC", "America/New_York"), opening_burst(NEW_YORK)
    args = calendar_for("XNYS"), "America/New_York"
    assert check_clock(utc[shuffled], activity[shuffled], *args) == check_clock(
        utc, activity, *args
    )
