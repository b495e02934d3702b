"""Fold tables written out by hand, and the laws that every scheme must keep."""

from datetime import date, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import ConfigError, FormatError
from fints_pipeline.walkforward.folds import (
    Fold,
    FoldScheme,
    Span,
    fold_masks,
    make_folds,
    purged,
)

# Twelve trading days: two weekends and one holiday (Monday 16 January 2023) left out.
DAYS = [date(2023, 1, day) for day in (3, 4, 5, 6, 9, 10, 11, 12, 13, 17, 18, 19)]


def jan(day: int) -> date:
    return date(2023, 1, day)


def test_rolling_table_by_hand():
    scheme = FoldScheme(kind="rolling", train=3, validation=1, test=2, embargo=1)
    assert make_folds(DAYS, scheme) == (
        Fold("2023-01-11", Span(jan(3), jan(5)), Span(jan(9), jan(9)), Span(jan(11), jan(12))),
        Fold("2023-01-13", Span(jan(5), jan(9)), Span(jan(11), jan(11)), Span(jan(13), jan(17))),
        Fold("2023-01-18", Span(jan(9), jan(11)), Span(jan(13), jan(13)), Span(jan(18), jan(19))),
    )


def test_expanding_table_by_hand():
    scheme = FoldScheme(kind="expanding", train=3, validation=2, test=2, embargo=0, max_folds=2)
    assert make_folds(DAYS, scheme) == (
        Fold("2023-01-10", Span(jan(3), jan(5)), Span(jan(6), jan(9)), Span(jan(10), jan(11))),
        Fold("2023-01-12", Span(jan(3), jan(9)), Span(jan(10), jan(11)), Span(jan(12), jan(13))),
    )


def test_start_leaves_earlier_sessions_out():
    scheme = FoldScheme(train=2, validation=1, test=1, embargo=0, start=jan(16), max_folds=1)
    with pytest.raises(ConfigError, match=r"needs 4 sessions .* 3 present from 2023-01-16 on"):
        make_folds(DAYS, scheme)
    folds = make_folds(DAYS, scheme.model_copy(update={"start": jan(13)}))
    assert [fold.key for fold in folds] == ["2023-01-19"]
    assert folds[0].train == Span(jan(13), jan(17))


def test_an_incomplete_test_span_makes_no_fold():
    scheme = FoldScheme(train=3, validation=1, test=5, embargo=1)
    assert len(make_folds(DAYS[:11], scheme)) == 1
    with pytest.raises(ConfigError, match=r"needs 11 sessions .* 10 present"):
        make_folds(DAYS[:10], scheme)


def test_unordered_sessions_are_refused():
    scheme = FoldScheme(train=1, validation=1, test=1)
    with pytest.raises(ConfigError, match="not strictly ascending"):
        make_folds([jan(3), jan(3)], scheme)


def test_json_round_trip_and_refusal():
    fold = make_folds(DAYS, FoldScheme(train=3, validation=1, test=2))[0]
    assert Fold.from_json(fold.to_json()) == fold
    with pytest.raises(FormatError):
        Fold.from_json('{"key": "2023-01-11"}')


def test_purged_keeps_a_label_that_ends_exactly_at_the_boundary():
    ends = np.array(["2023-01-05T21:00", "2023-01-06T14:30", "2023-01-06T14:31", "NaT"], "M8[us]")
    kept = purged(ends, np.datetime64("2023-01-06T14:30", "us"))
    assert kept.tolist() == [True, True, False, False]


schemes = st.builds(
    FoldScheme,
    kind=st.sampled_from(["rolling", "expanding"]),
    train=st.integers(1, 6),
    validation=st.integers(1, 4),
    test=st.integers(1, 4),
    embargo=st.integers(0, 3),
    max_folds=st.none() | st.integers(1, 3),
)


@st.composite
def calendars(draw: st.DrawFn) -> list[date]:
    gaps = draw(st.lists(st.integers(1, 5), min_size=25, max_size=60))
    days = [date(2022, 12, 1)]
    for gap in gaps:
        days.append(days[-1] + timedelta(days=gap))
    return days


@given(calendars(), schemes)
def test_spans_are_ordered_and_embargoed(days, scheme):
    position = {day: index for index, day in enumerate(days)}
    for fold in make_folds(days, scheme):
        for earlier, later in pairwise(fold.spans.values()):
            assert position[later.first] - position[earlier.last] == scheme.embargo + 1
        assert fold.key == fold.test.first.isoformat()
        assert position[fold.test.last] - position[fold.test.first] + 1 == scheme.test


@given(calendars(), schemes)
def test_test_spans_follow_each_other(days, scheme):
    position = {day: index for index, day in enumerate(days)}
    folds = make_folds(days, scheme)
    for earlier, later in pairwise(folds):
        assert position[later.test.first] == position[earlier.test.last] + 1
        if scheme.kind == "expanding":
            assert later.train.first == earlier.train.first


@given(calendars(), schemes, st.integers(1, 30))
def test_later_sessions_change_no_earlier_fold(days, scheme, cut):
    whole = make_folds(days, scheme)
    if len(days) - cut >= scheme.sessions_needed:
        shorter = make_folds(days[: len(days) - cut], scheme)
        assert shorter == whole[: len(shorter)]


@given(calendars(), schemes, st.integers(1, 40), st.integers(1, 4))
def test_label_intervals_are_disjoint_after_purge(days, scheme, horizon, bars_a_session):
    opens = np.array([np.datetime64(day, "us") for day in days])
    open_time = (opens[:, None] + np.arange(bars_a_session) * np.timedelta64(1, "h")).ravel()
    close_time = open_time + np.timedelta64(1, "h")
    session = np.repeat(opens, bars_a_session)
    label_end = np.full(close_time.shape, np.datetime64("NaT", "us"))
    if horizon < len(close_time):
        label_end[:-horizon] = close_time[horizon:]
    for fold in make_folds(days, scheme):
        rows = fold_masks(fold, session, open_time, close_time, label_end)
        assert not (rows.train & rows.validation).any()
        assert not ((rows.train | rows.validation) & rows.test).any()
        test_opens = open_time[rows.test].min()
        for learned, unseen in (
            (rows.train, rows.validation),
            (rows.train, rows.test),
            (rows.validation, rows.test),
        ):
            if learned.any() and unseen.any():
                assert label_end[learned].max() <= open_time[unseen].min()
        assert not (rows.train & (close_time > test_opens)).any()


def test_purge_really_drops_rows():
    """With no embargo and a horizon of two bars, the last two training bars must go."""
    fold = make_folds(DAYS[:3], FoldScheme(train=1, validation=1, test=1, embargo=0))[0]
    session = np.repeat(np.array(DAYS[:3], "M8[us]"), 4)
    open_time = session + np.tile(np.arange(4), 3) * np.timedelta64(1, "h")
    close_time = open_time + np.timedelta64(1, "h")
    label_end = np.append(close_time[2:], np.full(2, np.datetime64("NaT", "us")))
    rows = fold_masks(fold, session, open_time, close_time, label_end)
    assert rows.train.nonzero()[0].tolist() == [0, 1]
    assert rows.validation.nonzero()[0].tolist() == [4, 5]
    assert rows.test.nonzero()[0].tolist() == [8, 9, 10, 11]


@given(calendars(), schemes, st.integers(1, 12), st.integers(1, 4))
def test_masks_are_the_same_without_the_test_span(days, scheme, horizon, bars_a_session):
    """Training loads nothing after validation; what it learns from must not depend on that."""
    opens = np.array([np.datetime64(day, "us") for day in days])
    open_time = (opens[:, None] + np.arange(bars_a_session) * np.timedelta64(1, "h")).ravel()
    close_time = open_time + np.timedelta64(1, "h")
    session = np.repeat(opens, bars_a_session)
    label_end = np.full(close_time.shape, np.datetime64("NaT", "us"))
    if horizon < len(close_time):
        label_end[:-horizon] = close_time[horizon:]
    for fold in make_folds(days, scheme):
        whole = fold_masks(fold, session, open_time, close_time, label_end)
        loaded = session <= np.datetime64(fold.validation.last, "us")
        columns = (column[loaded] for column in (session, open_time, close_time, label_end))
        part = fold_masks(fold, *columns)
        np.testing.assert_array_equal(part.train, whole.train[loaded])
        np.testing.assert_array_equal(part.validation, whole.validation[loaded])


def test_daily_labels_that_reach_past_the_embargo_are_purged():
    """Five sessions of validation, an embargo of one and a label of three: two rows stay."""
    scheme = FoldScheme(train=3, validation=5, test=2, embargo=1)
    fold = make_folds(DAYS, scheme)[0]
    session = np.array(DAYS, "M8[us]")
    open_time, close_time = session + np.timedelta64(14, "h"), session + np.timedelta64(21, "h")
    label_end = np.append(close_time[3:], np.full(3, np.datetime64("NaT", "us")))
    loaded = session <= np.datetime64(fold.validation.last, "us")
    columns = (column[loaded] for column in (session, open_time, close_time, label_end))
    rows = fold_masks(fold, *columns)
    assert rows.validation.nonzero()[0].tolist() == [4, 5]
