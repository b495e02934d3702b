from datetime import date, timedelta
from types import SimpleNamespace

import pyarrow as pa

from fints_pipeline.defs import causality
from fints_pipeline.defs.fold_checks import folds_disjoint, no_look_ahead
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


def said(*rows: tuple[str, date, str]) -> pa.Table:
    return pa.Table.from_pylist(
        [{"instrument": name, "session": day, "span": of} for name, day, of in rows],
        pa.schema([("instrument", pa.string()), ("session", pa.date32()), ("span", pa.string())]),
    )


def test_look_ahead_is_looked_for_where_a_test_span_is_predicted_last():
    table = said(
        ("demo.A", date(2023, 1, 30), "test"),
        ("demo.B", date(2023, 2, 1), "test"),
        ("demo.C", date(2023, 2, 2), "test"),
        ("demo.A", date(2023, 3, 1), "validation"),
    )
    names = ("demo.none", "demo.A", "demo.B", "demo.C")
    assert causality.last_tested(table, names) == ("demo.B", "2023-02")
    assert causality.last_tested(table, names[:2]) == ("demo.A", "2023-01")


def test_without_a_prediction_of_the_test_span_there_is_nothing_to_check(monkeypatch):
    monkeypatch.setattr(causality, "CUTS", 1)
    table = said(("demo.A", date(2023, 1, 8), "validation"))
    project = SimpleNamespace(locations=None)
    experiment = SimpleNamespace(
        experiment="demo", data=SimpleNamespace(instruments=("demo.A", "demo.B"))
    )
    result = no_look_ahead(project, experiment, fold(span(1, 5), span(7, 8), span(10, 12)), table)
    assert result.passed
    assert "nothing to check" in result.metadata["evidence"].value
