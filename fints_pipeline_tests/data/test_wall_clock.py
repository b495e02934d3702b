from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import ArchiveError, ConfigError
from fints_pipeline.data.wall_clock import to_utc

NEW_YORK = "America/New_York"
ZONES = [NEW_YORK, "UTC", "Europe/London", "Australia/Lord_Howe", "Asia/Kolkata", "Africa/Cairo"]


def stamps(*texts: str) -> np.ndarray:
    return np.array(texts, dtype="datetime64[s]")


def hours(utc: np.ndarray) -> list[str]:
    return [str(each)[11:16] for each in utc]


def test_winter_and_summer():
    utc = to_utc(stamps("2018-01-05T08:30", "2018-07-06T08:30"), NEW_YORK, "x")
    assert hours(utc) == ["13:30", "12:30"]
    assert utc.dtype == np.dtype("datetime64[us]")


@given(
    zone=st.sampled_from(ZONES),
    start=st.datetimes(datetime(1975, 1, 1), datetime(2035, 1, 1)),
    minutes=st.lists(st.integers(0, 60 * 24 * 400), min_size=1, max_size=60),
)
def test_round_trip_through_the_zone(zone: str, start: datetime, minutes: list[int]):
    tz = ZoneInfo(zone)
    moments = sorted({start.replace(second=0, microsecond=0, tzinfo=UTC) + timedelta(minutes=m)
                      for m in minutes})  # fmt: skip
    local = [moment.astimezone(tz) for moment in moments]
    plain = [each for each in local if each.utcoffset() == each.replace(fold=1).utcoffset()]
    plain = [each for each in plain if not each.fold]
    if plain:
        naive = np.array([each.replace(tzinfo=None) for each in plain], dtype="datetime64[us]")
        expected = [each.astimezone(UTC).replace(tzinfo=None) for each in plain]
        assert to_utc(naive, zone, "x").tolist() == expected


def repeated_hour() -> np.ndarray:
    """00:30 to 02:30 New York on 2018-11-04, minute by minute, through the hour shown twice."""
    start = np.datetime64("2018-11-04T04:30", "m")  # UTC, while New York is at UTC-4
    utc = start + np.arange(180)
    offset = np.where(utc < np.datetime64("2018-11-04T06:00"), 4, 5).astype("timedelta64[h]")
    return utc - offset


@pytest.mark.parametrize("step", [1, -1])
def test_order_of_the_file_tells_the_repeated_hour(step: int):
    local = repeated_hour()[::step]
    expected = (np.datetime64("2018-11-04T04:30", "m") + np.arange(180))[::step]
    assert (to_utc(local, NEW_YORK, "x") == expected).all()


def test_repeated_hour_seen_once_is_refused_with_its_rows():
    local = repeated_hour()[:60]
    with pytest.raises(ArchiveError) as refusal:
        to_utc(local, NEW_YORK, "bars.csv", first_row=2)
    assert "30 stamps lie in an hour" in refusal.value.what
    assert "bars.csv, rows 32 (2018-11-04 01:00:00), 33" in str(refusal.value)


def test_unsorted_repeated_hour_is_refused():
    local = repeated_hour()
    shuffled = local[np.random.default_rng(0).permutation(local.size)]
    with pytest.raises(ArchiveError, match="does not tell which is meant"):
        to_utc(shuffled, NEW_YORK, "x")


def test_skipped_hour_is_refused_with_its_rows():
    local = stamps("2018-03-11T01:59", "2018-03-11T02:00", "2018-03-11T02:30", "2018-03-11T03:00")
    with pytest.raises(ArchiveError, match=r"2 stamps .*skipped hour"):
        to_utc(local, NEW_YORK, "x")


def test_no_rows_are_no_trouble():
    assert to_utc(stamps(), NEW_YORK, "x").size == 0


def test_unknown_zone():
    with pytest.raises(ConfigError, match="not a time zone"):
        to_utc(stamps("2018-01-01"), "America/Nowhere", "x")
