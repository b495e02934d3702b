"""Purged and combinatorial cross-validation: tables by hand, paths, what may be learned."""

import math
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.walkforward.crossvalidation import backtest_paths, path_count
from fints_pipeline.walkforward.folds import (
    AnyScheme,
    CrossValidation,
    Fold,
    FoldScheme,
    Span,
    fold_masks,
    make_folds,
)

DAYS = [date(2023, 1, 1) + timedelta(days=n) for n in range(40)]


def jan(first: int, last: int) -> Span:
    return Span(date(2023, 1, first), date(2023, 1, last))


def test_kfold_table_by_hand():
    scheme = CrossValidation(kind="purged_kfold", groups=3, sessions=6, validation=2, embargo=1)
    assert make_folds(DAYS, scheme) == (
        Fold("2023-01-01", jan(8, 15), jan(17, 18), jan(1, 6)),
        Fold("2023-01-07", Span.of([jan(1, 5), jan(14, 15)]), jan(17, 18), jan(7, 12)),
        Fold("2023-01-13", jan(1, 8), jan(10, 11), jan(13, 18)),
    )


def test_combinatorial_table_by_hand():
    scheme = CrossValidation(
        kind="combinatorial", groups=4, test_groups=2, sessions=6, validation=2, embargo=1
    )
    folds = {fold.key: fold for fold in make_folds(DAYS, scheme)}
    assert list(folds) == [
        "2023-01-01+2023-01-07", "2023-01-01+2023-01-13", "2023-01-01+2023-01-19",
        "2023-01-07+2023-01-13", "2023-01-07+2023-01-19", "2023-01-13+2023-01-19",
    ]  # fmt: skip
    assert folds["2023-01-01+2023-01-07"] == Fold(
        "2023-01-01+2023-01-07", jan(14, 21), jan(23, 24), jan(1, 12)
    )
    assert folds["2023-01-07+2023-01-19"] == Fold(
        "2023-01-07+2023-01-19",
        Span.of([jan(1, 5), jan(14, 14)]),
        jan(16, 17),
        Span.of([jan(7, 12), jan(19, 24)]),
    )
    assert not folds["2023-01-07+2023-01-19"].is_ordered
    assert folds["2023-01-13+2023-01-19"].is_ordered


def test_later_sessions_move_no_split():
    scheme = CrossValidation(kind="purged_kfold", groups=3, sessions=6, validation=1)
    assert make_folds(DAYS, scheme) == make_folds(DAYS[:18], scheme)
    with pytest.raises(ConfigError, match=r"purged_kfold needs 18 sessions \(3 groups of 6\)"):
        make_folds(DAYS[:17], scheme)


@pytest.mark.parametrize(
    "change",
    [{"test_groups": 2}, {"kind": "combinatorial"}, {"sessions": 5, "validation": 2}],
)
def test_schemes_that_cannot_be_are_refused(change):
    with pytest.raises(ValidationError):
        CrossValidation.model_validate(
            {"kind": "purged_kfold", "groups": 4, "sessions": 9, "validation": 2, **change}
        )


def test_a_config_names_either_family_by_its_kind():
    parse = TypeAdapter(AnyScheme).validate_python
    assert isinstance(parse({"train": 3, "validation": 1, "test": 1}), FoldScheme)
    assert isinstance(
        parse({"kind": "purged_kfold", "groups": 3, "sessions": 9, "validation": 2}),
        CrossValidation,
    )
    with pytest.raises(ValidationError, match="groups"):
        parse({"kind": "rolling", "groups": 3, "train": 3, "validation": 1, "test": 1})


def test_json_keeps_the_holes():
    scheme = CrossValidation(
        kind="combinatorial", groups=5, test_groups=2, sessions=6, validation=1
    )
    for fold in make_folds(DAYS, scheme):
        assert Fold.from_json(fold.to_json()) == fold


def test_a_span_with_a_hole_outside_is_refused():
    with pytest.raises(ConfigError, match="hole"):
        Span(date(2023, 1, 1), date(2023, 1, 5), (jan(5, 6),))


@given(st.integers(3, 7), st.data())
def test_paths_are_as_many_as_the_book_says_and_each_covers_everything(groups, data):
    tested = data.draw(st.integers(1, groups - 1))
    kind = "purged_kfold" if tested == 1 else "combinatorial"
    scheme = CrossValidation(
        kind=kind, groups=groups, test_groups=tested, sessions=5, validation=1, embargo=1
    )
    folds = make_folds(DAYS, scheme)
    assert len(folds) == math.comb(groups, tested)
    assert len({fold.key for fold in folds}) == len(folds)
    paths = backtest_paths(folds)
    phi = tested * math.comb(groups, tested) // groups
    assert len(paths) == phi == path_count(groups, tested)
    used = [(fold.key, group) for path in paths for fold, group in path]
    assert len(used) == len(set(used)) == len(folds) * tested
    for path in paths:
        days = [day for _, group in path for day in DAYS if day in group]
        assert days == DAYS[: groups * 5]
        assert all(group.first in fold.test and group.last in fold.test for fold, group in path)


def test_paths_of_an_incomplete_set_are_refused():
    scheme = CrossValidation(
        kind="combinatorial", groups=4, test_groups=2, sessions=6, validation=2
    )
    with pytest.raises(ConfigError, match="splits there are"):
        backtest_paths(make_folds(DAYS, scheme)[:-1])


@given(
    st.integers(3, 5), st.integers(0, 2), st.integers(1, 9), st.integers(1, 12), st.integers(1, 4),
    st.data(),
)  # fmt: skip
def test_nothing_learned_holds_a_bar_of_a_test(groups, embargo, horizon, context, bars, data):
    """No training sample, from its first input to the end of its label, meets a test's sample."""
    tested = data.draw(st.integers(1, min(2, groups - 1)))
    scheme = CrossValidation(
        kind="purged_kfold" if tested == 1 else "combinatorial",
        groups=groups, test_groups=tested, sessions=8, validation=1, embargo=embargo,
    )  # fmt: skip
    day = np.repeat(np.array(DAYS, "M8[us]"), bars)
    open_time = day + np.tile(np.arange(bars), len(DAYS)) * np.timedelta64(1, "h")
    close_time = open_time + np.timedelta64(1, "h")
    label_end = np.full(len(day), np.datetime64("NaT", "us"))
    if horizon < len(day):
        label_end[:-horizon] = close_time[horizon:]
    first = open_time[np.maximum(np.arange(len(day)) - context + 1, 0)]
    for fold in make_folds(DAYS, scheme):
        rows = fold_masks(fold, day, open_time, close_time, label_end, context)
        assert not (rows.train & rows.validation).any()
        assert not ((rows.train | rows.validation) & rows.test).any()
        assert rows.test.sum() == tested * 8 * bars
        unseen = [part.mask(day) for part in fold.test.parts]
        learned = [rows.train] if fold.is_ordered else [rows.train, rows.validation]
        for kept in learned:
            for part in unseen:
                seen_until = np.fmax.reduce(np.append(label_end[part], close_time[part]))
                before = label_end[kept] <= open_time[part].min()
                after = first[kept] >= seen_until
                assert (before | after).all()


def test_context_purges_rows_after_a_test():
    """A context of three bars, daily: the first two rows after the embargo still see the test."""
    scheme = CrossValidation(kind="purged_kfold", groups=3, sessions=6, validation=1, embargo=0)
    fold = make_folds(DAYS, scheme)[0]
    day = np.array(DAYS[:18], "M8[us]")
    opens, closes = day + np.timedelta64(14, "h"), day + np.timedelta64(21, "h")
    ends = np.append(opens[1:], np.datetime64("NaT"))
    kept = [
        fold_masks(fold, day, opens, closes, ends, context).train.nonzero()[0][0]
        for context in (1, 3)
    ]
    # The last test label ends with the open of row 6, and row 6 begins there.
    assert kept == [6, 8]
