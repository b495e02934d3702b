"""The fold table against counts made bar by bar, and its picture."""

from datetime import date, timedelta
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.walkforward.crossvalidation import backtest_paths
from fints_pipeline.walkforward.fold_picture import joined, timeline
from fints_pipeline.walkforward.fold_table import KINDS, Timeline, fold_table
from fints_pipeline.walkforward.folds import CrossValidation, FoldScheme, make_folds

DAYS = [date(2023, 1, 1) + timedelta(days=n) for n in range(40)]
BARS = 4
CONTEXT = 3
SCHEMES = {
    "rolling": FoldScheme(kind="rolling", train=12, validation=4, test=5, embargo=1),
    "expanding": FoldScheme(kind="expanding", train=12, validation=4, test=5, embargo=0),
    "purged_kfold": CrossValidation(kind="purged_kfold", groups=4, sessions=9, validation=2),
    "combinatorial": CrossValidation(
        kind="combinatorial", groups=4, test_groups=2, sessions=9, validation=2, embargo=0
    ),
}


def made(horizon: int, late: int) -> Timeline:
    """Four bars of an hour a day; labels run over `horizon` bars, a few are never known."""
    day = np.repeat(np.array(DAYS[late:], "M8[D]"), BARS)
    step = np.tile(np.arange(BARS), len(DAYS) - late)
    opens = day.astype("M8[us]") + (9 + step) * np.timedelta64(1, "h")
    closes = opens + np.timedelta64(1, "h")
    ends = np.append(closes[horizon:], np.full(horizon, np.datetime64("NaT", "us")))
    ends[::17] = np.datetime64("NaT")
    return Timeline(day, opens, closes, ends)


@pytest.fixture(params=list(SCHEMES))
def counted(request: pytest.FixtureRequest):
    bars = [made(2, 0), made(5, 3)]
    folds = make_folds(DAYS, SCHEMES[request.param])
    return folds, bars, fold_table(folds, bars, CONTEXT)


def counts_of(fold, name: str, bars) -> dict[str, object]:
    """A span's row, bar by bar: a row is purged if its sample meets what is to stay unseen."""
    found = dict.fromkeys(("rows", "kept", "purged", "unlabelled"), 0)
    days, starts, labels, ends = set(), [], [], []
    for one in bars:
        rows = [n for n, day in enumerate(one.session.tolist()) if day in fold.spans[name]]
        for n in rows:
            days.add(one.session[n])
            found["rows"] += 1
            if np.isnat(one.label_end[n]):
                found["unlabelled"] += 1
            elif name != "test" and meets(fold, name, one, n):
                found["purged"] += 1
            else:
                found["kept"] += 1
                starts.append(one.open_time[first_input(fold, one, n)])
                labels.append(one.close_time[n])
                ends.append(one.label_end[n])
    return {
        **found, "sessions": len(days), "first": min(days), "last": max(days),
        "input_start": min(starts), "label_start": min(labels), "label_end": max(ends),
    }  # fmt: skip


def first_input(fold, one: Timeline, n: int) -> int:
    begin = next(k for k, day in enumerate(one.session.tolist()) if day >= fold.extent.first)
    return max(begin, n - CONTEXT + 1)


def meets(fold, name: str, one: Timeline, n: int) -> bool:
    hidden = {"train": ("validation", "test"), "validation": ("test",)}[name]
    own = {"train": (), "validation": ("validation",)}[name]
    for span in hidden:
        for part in fold.spans[span].parts:
            seen = [k for k, day in enumerate(one.session.tolist()) if day in part]
            if not seen:
                continue
            after = [
                one.close_time[seen].max(),
                *one.label_end[seen][~np.isnat(one.label_end[seen])],
            ]
            before = one.label_end[n] <= one.open_time[seen].min()
            if not before and one.open_time[first_input(fold, one, n)] < max(after):
                return True
    for span in own:
        for part in fold.spans[span].parts:
            if one.session.tolist()[n] in part:
                inside = [k for k, day in enumerate(one.session.tolist()) if day in part]
                if one.label_end[n] > one.close_time[inside].max():
                    return True
    return False


def test_every_count_is_that_of_the_bars(counted) -> None:
    folds, bars, table = counted
    rows = table.spans.set_index(["fold", "span"])
    assert len(rows) == 4 * len(folds)
    assert table.spans["purged"].sum() > 0
    for fold in folds:
        for name in fold.spans:
            row = rows.loc[(fold.key, name)]
            for column, value in counts_of(fold, name, bars).items():
                assert row[column] == value, (fold.key, name, column)
            assert row["parts"] == len(fold.spans[name].parts)
            assert row["context"] == CONTEXT


def test_the_embargo_is_what_belongs_to_no_span(counted) -> None:
    folds, bars, table = counted
    for fold in folds:
        nobodys = [
            day for day in DAYS
            if day in fold.extent and not any(day in span for span in fold.spans.values())
        ]  # fmt: skip
        row = table.spans.set_index(["fold", "span"]).loc[(fold.key, "embargo")]
        assert row["sessions"] == len(nobodys)
        expected = sum(int(np.isin(one.session, np.array(nobodys, "M8[D]")).sum()) for one in bars)
        assert row["rows"] == expected
        assert row["kept"] == row["purged"] == row["unlabelled"] == 0


def test_the_stretches_add_up_to_the_rows(counted) -> None:
    folds, bars, table = counted
    for fold in folds:
        own = table.intervals[table.intervals["fold"] == fold.key]
        inside = sum(int(fold.extent.mask(one.session).sum()) for one in bars)
        assert own["rows"].sum() == inside
        assert (own["start"].iloc[1:].to_numpy() >= own["end"].iloc[:-1].to_numpy()).all()
        assert set(own["kind"]) <= set(KINDS)
        assert own.loc[own["kind"] == "test", "first"].iloc[0].date() == fold.test.first


def test_the_paths_are_those_that_are_traded(counted) -> None:
    folds, _, table = counted
    if folds[0].is_ordered and folds[-1].is_ordered:
        assert table.paths.empty
        return
    expected = [
        (number, pd.Timestamp(group.first), pd.Timestamp(group.last), fold.key)
        for number, path in enumerate(backtest_paths(folds), start=1)
        for fold, group in path
    ]
    assert list(table.paths.itertuples(index=False, name=None)) == expected
    if "+" in folds[0].key:
        assert fold_table(folds[:-1], [made(2, 0)], CONTEXT).paths.empty


def test_the_picture_has_a_lane_a_fold_and_all_its_stretches(counted) -> None:
    folds, _, table = counted
    tree = ElementTree.fromstring(timeline(table.intervals))
    texts = [node.text for node in tree.iter() if node.tag.endswith("text")]
    for fold in folds:
        shown = fold.key if len(fold.key) <= 23 else fold.key[:22] + "…"
        assert shown in texts
    drawn = [node for node in tree.iter() if node.tag.endswith("rect") and len(node)]
    assert len(drawn) == len(table.intervals)
    runs = joined(table.intervals)
    for _, own in runs.groupby("fold"):
        assert (own["start"].iloc[1:].to_numpy() == own["end"].iloc[:-1].to_numpy()).all()
