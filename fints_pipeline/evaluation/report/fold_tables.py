"""The fold table in words."""

from __future__ import annotations

import pandas as pd

from fints_pipeline.base.frames import named_rows
from fints_pipeline.base.page.table import Table
from fints_pipeline.base.page.words import NONE, count
from fints_pipeline.evaluation.report.fold_charts import names
from fints_pipeline.evaluation.report.source import Material


def spans(material: Material) -> Table:
    """What every span holds, what was purged and what nobody may use."""
    called = names(material)
    headings = ("Fold", "Span", "First session", "Last session", "Sessions", "Bars", "Kept",
                "Purged", "No label", "First input", "First label from",
                "Last label known")  # fmt: skip
    rows = tuple(
        (
            called[str(row.fold)],
            f"{row.span} ({row.parts} parts)" if row.parts > 1 else str(row.span),
            _day(row.first),
            _day(row.last),
            *(count(int(value)) for value in (row.sessions, row.rows)),
            *(
                NONE if row.span == "embargo" else count(int(value))
                for value in (row.kept, row.purged, row.unlabelled)
            ),
            *(_minute(at) for at in (row.input_start, row.label_start, row.label_end)),
        )
        for row in named_rows(material.folds.spans)
    )
    return Table(headings, rows, text_columns=4)


def splits(material: Material) -> Table:
    """A cross-validation's splits by group: the path that each tested group belongs to."""
    paths = material.folds.paths
    if paths.empty:
        return Table((), ())
    groups = sorted(paths["first"].unique())
    called = names(material)
    headings = ("Split", "Tests from", *(f"{pd.Timestamp(group):%Y-%m-%d}" for group in groups))
    tested = paths.set_index(["fold", "first"])["path"]
    rows = tuple(
        (
            name,
            fold.replace("+", " + "),
            *(
                f"path {tested[fold, group]}" if (fold, group) in tested.index else "·"
                for group in groups
            ),
        )
        for fold, name in called.items()
    )
    return Table(headings, rows, text_columns=2)


def context(material: Material) -> int:
    """Bars of the longest sample, by which the spans are purged."""
    return int(material.folds.spans["context"].max())


def _day(at: pd.Timestamp) -> str:
    return NONE if pd.isna(at) else f"{at:%Y-%m-%d}"


def _minute(at: pd.Timestamp) -> str:
    return NONE if pd.isna(at) else f"{at:%Y-%m-%d %H:%M}"
