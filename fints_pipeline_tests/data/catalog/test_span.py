from datetime import UTC, date, datetime, timedelta

import pytest

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.data.catalog.span import Span


def test_bounds_are_sessions_months_or_moments():
    span = Span.of("2023-02", "2023-02")
    assert (span.first_session, span.last_session) == (date(2023, 2, 1), date(2023, 2, 28))
    assert Span.of(date(2023, 2, 3), None).first_session == date(2023, 2, 3)
    span = Span.of("2023-02-03T09:30-05:00", datetime(2023, 2, 4, tzinfo=UTC))
    assert (span.start, span.end) == (
        datetime(2023, 2, 3, 14, 30, tzinfo=UTC),
        datetime(2023, 2, 4, tzinfo=UTC),
    )


@pytest.mark.parametrize("bound", ["yesterday", "2023-13", "2023-02-30", "2023", ""])
def test_what_is_no_time_is_refused(bound: str):
    with pytest.raises(ConfigError, match="is no time"):
        Span.of(bound, None)


def test_a_moment_needs_a_zone():
    with pytest.raises(ConfigError, match="no time zone"):
        Span.of("2023-02-03T09:30", None)


def test_bounds_in_the_wrong_order_are_refused():
    with pytest.raises(ConfigError, match="lies after"):
        Span.of("2023-03", "2023-02")


def test_months_are_pruned_with_room_for_sessions_that_begin_days_before_their_date():
    span = Span.of("2023-02-10", "2023-03-10")
    months = ["2023-01", "2023-02", "2023-03", "2023-04"]
    assert [month for month in months if span.may_hold(month)] == ["2023-02", "2023-03"]
    evening = datetime(2023, 1, 31, 22, tzinfo=UTC)
    assert Span.of(evening, evening + timedelta(hours=1)).may_hold("2023-02")
    assert Span.of(evening, evening + timedelta(hours=1)).may_hold("2023-01")
    assert not Span.of(evening, evening + timedelta(hours=1)).may_hold("2023-03")
    assert Span().may_hold("1999-01")
