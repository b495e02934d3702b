from datetime import date, timedelta

from fints_pipeline.defs.fold_checks import folds_disjoint
from fints_pipeline.walkforward.folds import CrossValidation, Fold, Span, make_folds


def span(first: int, last: int) -> Span:
    return Span(date(2023, 1, first), date(2023, 1, last))


def fold(train: Span, validation: Span, test: Span) -> Fold:
    return Fold(str(test.first), train, validation, test)


def test_folds_in_a_row_are_disjoint():
    folds = [
        fold(span(1, 5), span(7, 8), span(10, 12)),
        fold(span(4, 8), span(9, 10), span(13, 15)),
    ]
    assert folds_disjoint({"demo": folds}).passed


def test_validation_inside_training_and_test_spans_that_overlap_are_named():
    folds = [
        fold(span(1, 7), span(7, 8), span(10, 13)),
        fold(span(4, 8), span(9, 10), span(13, 15)),
    ]
    result = folds_disjoint({"demo": folds})
    assert not result.passed
    wrong = result.metadata["wrong"].value
    assert "demo 2023-01-10: a day is in two of its spans" in wrong
    assert "demo: the test spans from 2023-01-10 and 2023-01-13 overlap" in wrong
    assert "| LEAK |" in result.metadata["evidence"].value


def test_splits_of_a_cross_validation_are_disjoint_within_each():
    days = [date(2023, 1, 1) + timedelta(days=n) for n in range(24)]
    for kind, tested in (("purged_kfold", 1), ("combinatorial", 2)):
        scheme = CrossValidation(kind=kind, groups=4, test_groups=tested, sessions=6, validation=1)
        assert folds_disjoint({"demo": list(make_folds(days, scheme))}).passed
