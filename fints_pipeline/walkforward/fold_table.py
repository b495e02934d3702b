"""What each fold is made of, counted: dates, rows, label intervals, what is purged and embargoed.

The table is made from the same masks that training uses, so that it says what a fit may learn from
and not what a drawing of the scheme would. Fits take fewer samples still: their stride, filled bars
and missing features are not known here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.walkforward.crossvalidation import backtest_paths
from fints_pipeline.walkforward.masks import fold_masks
from fints_pipeline.walkforward.spans import Fold

Times = NDArray[np.datetime64]
KINDS = ("train", "validation", "test", "embargo", "purged")
"""What a bar of a fold's extent is, in the order of their codes; where instruments differ at one
moment, the later kind is drawn."""
SPANS = KINDS[:3]
_EMBARGO, _PURGED = KINDS.index("embargo"), KINDS.index("purged")
COLUMNS = (
    "fold", "span", "first", "last", "parts", "sessions", "rows", "kept", "purged", "unlabelled",
    "input_start", "label_start", "label_end", "context",
)  # fmt: skip
INTERVAL_COLUMNS = ("fold", "kind", "first", "last", "start", "end", "rows")


@dataclass(frozen=True)
class Timeline:
    """One instrument's bars: each (T,), ascending.

    Attributes:
        session: datetime64[D], exchange trading day.
        open_time: datetime64[us], UTC.
        close_time: datetime64[us], UTC; a row is known then, and its label starts.
        label_end: datetime64[us], UTC, when the row's labels are all known; NaT if never.
    """

    session: Times
    open_time: Times
    close_time: Times
    label_end: Times


@dataclass(frozen=True)
class FoldTable:
    """The folds of a scheme, counted.

    Attributes:
        spans: four rows a fold (train, validation, test, embargo) with `COLUMNS`: `first` and
            `last` session, `parts` without a hole, `sessions` and `rows` in it (of all
            instruments), `kept` rows that may be learned from or are scored, rows `purged` because
            their sample reaches into what is to stay unseen, rows `unlabelled` for want of a label;
            of the kept rows `input_start` (first open of a context), `label_start` (first close)
            and `label_end` (last one known), UTC; `context` in bars.
        intervals: one row a stretch of one kind with `INTERVAL_COLUMNS`, in time order, for
            drawing; rows without a label belong to their span here.
        paths: one row a path and group with `path`, `first`, `last` and the `fold` that it is taken
            from; none for a walk-forward, or where splits are missing.
    """

    spans: pd.DataFrame
    intervals: pd.DataFrame
    paths: pd.DataFrame


def fold_table(folds: Sequence[Fold], bars: Sequence[Timeline], context: int) -> FoldTable:
    """Count every fold.

    Args:
        folds: of one scheme.
        bars: one an instrument.
        context: bars that a sample takes, its own the last; of several models the longest.
    """
    spans, intervals = [], []
    for fold in folds:
        rows = pd.concat([_rows(fold, one, context) for one in bars], ignore_index=True)
        spans += [_count(fold, name, rows, context) for name in (*SPANS, "embargo")]
        intervals += _stretches(fold, rows)
    return FoldTable(
        pd.DataFrame(spans, columns=list(COLUMNS)),
        pd.DataFrame(intervals, columns=list(INTERVAL_COLUMNS)),
        _paths(folds),
    )


def _rows(fold: Fold, bars: Timeline, context: int) -> pd.DataFrame:
    """One row a bar of the fold's extent: its times, its span, and what it is (a code of `KINDS`).

    `part` tells the pieces of a span apart.
    """
    within = fold.extent.mask(bars.session)
    session, opens, closes, ends = (column[within] for column in vars(bars).values())
    masks = fold_masks(fold, session, opens, closes, ends, context)
    span, part = np.full((2, len(session)), _EMBARGO)
    kind = np.full(len(session), _EMBARGO)
    for code, name in enumerate(SPANS):
        for number, piece in enumerate(fold.spans[name].parts):
            inside = piece.mask(session)
            span[inside], part[inside], kind[inside] = code, number, code
        kind[(span == code) & ~np.isnat(ends) & ~getattr(masks, name)] = _PURGED
    first = np.maximum(np.arange(len(session)) - context + 1, 0)
    return pd.DataFrame(
        {
            "session": session, "open_time": opens, "close_time": closes, "label_end": ends,
            "input_start": opens[first], "span": span, "part": part, "kind": kind,
        }
    )  # fmt: skip


def _count(fold: Fold, name: str, rows: pd.DataFrame, context: int) -> tuple[object, ...]:
    own = rows[rows["span"] == KINDS.index(name)]
    learnable = own["label_end"].notna() & (own["kind"] != _PURGED) & (name != "embargo")
    kept, purged = own[learnable], int((own["kind"] == _PURGED).sum())
    days = own["session"]
    return (
        fold.key, name, days.min(), days.max(), _pieces(fold, name, rows), days.nunique(),
        len(own), len(kept), purged, 0 if name == "embargo" else len(own) - len(kept) - purged,
        kept["input_start"].min(), kept["close_time"].min(), kept["label_end"].max(), context,
    )  # fmt: skip


def _pieces(fold: Fold, name: str, rows: pd.DataFrame) -> int:
    if name in fold.spans:
        return len(fold.spans[name].parts)
    days = rows.groupby("session")["span"].first() == _EMBARGO
    return int((days & ~days.shift(fill_value=False)).sum())


def _stretches(fold: Fold, rows: pd.DataFrame) -> list[tuple[object, ...]]:
    """The fold from left to right, cut where the kind or the piece of its span changes."""
    moments = rows.groupby("close_time").agg(
        {"session": "min", "open_time": "min", "kind": "max", "part": "max", "span": "size"}
    )
    new = (moments[["kind", "part"]].diff() != 0).any(axis=1).cumsum()
    return [
        (
            fold.key, KINDS[run["kind"].iloc[0]], run["session"].iloc[0], run["session"].iloc[-1],
            run["open_time"].min(), run.index[-1], int(run["span"].sum()),
        )
        for _, run in moments.groupby(new)
    ]  # fmt: skip


def _paths(folds: Sequence[Fold]) -> pd.DataFrame:
    columns = ["path", "first", "last", "fold"]
    try:
        paths = () if all(fold.is_ordered for fold in folds) else backtest_paths(folds)
    except ConfigError:  # splits are missing: a backtest says so, there is just no path to show
        paths = ()
    rows = [
        (number, np.datetime64(group.first), np.datetime64(group.last), fold.key)
        for number, path in enumerate(paths, start=1)
        for fold, group in path
    ]
    return pd.DataFrame(rows, columns=columns)
