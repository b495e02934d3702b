import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.data.calendars import Segments, calendar_for, naive_utc
from fints_pipeline.data.filling import fill, known_until
from fints_pipeline_tests.data.raw import MINUTE, frame_of, raw_rows, rows_of

SEGMENTS = calendar_for("XNYS").month_segments("2024-11")
HALF_DAY = "2024-11-29"  # 14:30 to 18:00 UTC
END_OF_MONTH = np.datetime64("2024-12-01", "us")


def at(*clock: str, day: str = HALF_DAY) -> list[str]:
    return [f"{day}T{time}" for time in clock]


def placed(opened: list[str], segments: Segments = SEGMENTS, **delivery: str) -> pd.DataFrame:
    rows = raw_rows(opened, **delivery)
    return rows.assign(segment=segments.locate(naive_utc(rows["open_time"])))


def filled(
    opened: list[str], longest: int, until: str | np.datetime64 = END_OF_MONTH
) -> pd.DataFrame:
    moment = np.datetime64(until, "us")
    return frame_of(fill(rows_of(placed(opened)), SEGMENTS, MINUTE, longest, moment, 0.0))


def clocks(bars: pd.DataFrame, only_filled: bool = True) -> list[str]:
    chosen = bars[bars["is_filled"]] if only_filled else bars
    return chosen["open_time"].dt.strftime("%H:%M").tolist()


def test_a_short_gap_is_filled_with_the_last_close():
    bars = filled(at("14:30", "14:33"), 5, f"{HALF_DAY}T14:34")
    assert clocks(bars) == ["14:31", "14:32"]
    first, second = bars.iloc[0], bars.iloc[1]
    assert [second[c] for c in ("open", "high", "low", "close")] == [first["close"]] * 4
    assert second["volume"] == 0.0
    assert second["close_time"] == pd.Timestamp(f"{HALF_DAY}T14:32", tz="UTC")


def test_a_long_gap_is_filled_for_a_while_and_then_is_a_hole():
    bars = filled(at("14:30", "14:40"), 3, f"{HALF_DAY}T14:41")
    assert clocks(bars, only_filled=False) == ["14:30", "14:31", "14:32", "14:33", "14:40"]


def test_the_tail_is_filled_like_any_gap_up_to_the_close():
    assert clocks(filled(at("17:57"), 5)) == ["17:58", "17:59"]
    assert clocks(filled(at("17:50"), 5)) == ["17:51", "17:52", "17:53", "17:54", "17:55"]


def test_nothing_is_filled_past_what_is_known():
    assert clocks(filled(at("14:30"), 5, f"{HALF_DAY}T14:32:30")) == ["14:31"]


def test_nothing_is_filled_before_the_first_row_nor_across_sessions():
    bars = filled([*at("20:59", day="2024-11-27"), *at("14:32")], 5, f"{HALF_DAY}T14:33")
    assert clocks(bars, only_filled=False) == ["20:59", "14:32"]


def test_nothing_is_filled_through_lunch():
    tokyo = calendar_for("XTKS").month_segments("2024-12")
    rows = rows_of(placed(["2024-12-02T02:29", "2024-12-02T03:31"], tokyo))
    bars = fill(rows, tokyo, MINUTE, 5, np.datetime64("2024-12-02T03:32", "us"), np.nan)
    assert clocks(frame_of(bars), only_filled=False) == ["02:29", "03:31"]


@given(
    minutes=st.sets(st.integers(0, 209), min_size=1),
    longest=st.integers(0, 30),
    until=st.integers(0, 210),
)
def test_equals_a_slow_twin(minutes: set[int], longest: int, until: int):
    start = np.datetime64(f"{HALF_DAY}T14:30", "us")
    until = max(until, max(minutes) + 1)
    bars = filled(
        [str(start + m * MINUTE) for m in sorted(minutes)], longest, start + until * MINUTE
    )
    expected, since = [], None
    for minute in range(until):
        if minute in minutes:
            since = 0
            expected.append((minute, False))
        elif since is not None and since < longest:
            since += 1
            expected.append((minute, True))
    found = ((naive_utc(bars["open_time"]) - start) // MINUTE).tolist()
    assert list(zip(found, bars["is_filled"], strict=True)) == expected


@pytest.mark.parametrize(
    ("opened", "known_at", "until"),
    [
        (at("14:30"), "2024-11-29T14:31", "2024-11-29T14:31"),  # delivered while trading
        (at("14:30"), "2024-11-29T17:59", "2024-11-29T14:31"),
        (at("14:30"), "2024-11-29T18:00", "2024-11-29T18:00"),  # delivered after the close
        (at("14:30"), "2025-06-01", "2024-11-29T18:00"),
        (at("19:00"), "2025-06-01", "2024-11-29T19:01"),  # after-hours rows witness the close
    ],
)
def test_known_until(opened: list[str], known_at: str, until: str):
    rows = placed(opened, known_at=known_at)
    assert known_until(rows_of(rows), SEGMENTS, MINUTE) == np.datetime64(until)


def test_an_earlier_sessions_late_delivery_says_nothing_of_the_last():
    early = placed(at("15:00", day="2024-11-27"), known_at="2025-06-01")
    last = placed(at("14:30"), known_at="2024-11-29T14:31")
    until = known_until(rows_of(pd.concat([early, last])), SEGMENTS, MINUTE)
    assert until == np.datetime64(f"{HALF_DAY}T14:31")


def test_nothing_is_known_of_nothing():
    assert known_until(rows_of(placed([])), SEGMENTS, MINUTE) == np.datetime64(0, "us")
