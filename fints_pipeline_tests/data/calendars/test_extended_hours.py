from datetime import date

import numpy as np
import pytest

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.data.calendars import calendar_for


def clocks(calendar: str, day: date, before: int, after: int) -> list[tuple[str, str, bool]]:
    rows = calendar_for(calendar, before, after).schedule(day, day)
    return [(f"{row.start:%H:%M}", f"{row.end:%H:%M}", row.extended) for row in rows.itertuples()]


def test_a_session_is_widened_at_both_ends():
    assert clocks("XNYS", date(2024, 11, 27), 330, 240) == [
        ("09:00", "14:30", True), ("14:30", "21:00", False), ("21:00", "01:00", True),
    ]  # fmt: skip


def test_late_hours_follow_the_early_close():
    assert clocks("XNYS", date(2024, 11, 29), 0, 240) == [
        ("14:30", "18:00", False), ("18:00", "22:00", True),
    ]  # fmt: skip


def test_lunch_stays():
    assert clocks("XTKS", date(2024, 12, 2), 60, 0) == [
        ("23:00", "00:00", True), ("00:00", "02:30", False), ("03:30", "06:30", False),
    ]  # fmt: skip


def test_sessions_are_known_by_their_wider_hours():
    day = date(2024, 11, 27)
    (row,) = calendar_for("XNYS", 330, 240).sessions(day, day).itertuples()
    assert f"{row.session_open:%d %H:%M} {row.session_close:%d %H:%M}" == "27 09:00 28 01:00"


def test_whole_sessions_are_one_segment_each():
    segments = calendar_for("XTKS").month_segments("2024-12")
    whole = segments.whole_sessions()
    assert len(whole) * 2 == len(segments)
    np.testing.assert_array_equal(whole.start, segments.session_open[::2])
    np.testing.assert_array_equal(whole.end, segments.session_close[::2])


def test_hours_that_meet_the_next_session_are_refused():
    with pytest.raises(CalendarError, match="reach into the neighbouring session"):
        calendar_for("fx_24_5", 60, 0).month_segments("2024-03")


def test_no_extension_is_the_calendar_itself():
    assert calendar_for("XNYS", 0, 0) is calendar_for("XNYS", 0, 0)
    assert calendar_for("XNYS", 0, 0).mode == calendar_for("XNYS", 5, 0).mode
