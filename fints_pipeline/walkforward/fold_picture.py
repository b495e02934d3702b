"""The folds drawn: a lane a fold, time from left to right, as SVG text."""

from __future__ import annotations

from typing import Any

import pandas as pd

from fints_pipeline.base.page.lanes import Stretch, lanes

COLOURS = {
    "train": "#3b6fb6",
    "validation": "#e0a526",
    "test": "#2f9e6e",
    "purged": "#c8374a",
    "embargo": "#9aa3ae",
}
"""By kind of `fold_table.KINDS`; the report takes the same from its own theme."""


def timeline(intervals: pd.DataFrame) -> str:
    """Draw the intervals of a fold table.

    What is purged is often less than a session long and is drawn at least two pixels wide, on top.

    Args:
        intervals: `FoldTable.intervals`.
    """
    runs = joined(intervals)
    start, end = runs["start"], runs["end"]
    zero, width = start.min(), end.max() - start.min()
    drawn = {
        str(fold): [
            Stretch(
                (run.start - zero) / width, (run.end - zero) / width, str(run.kind), _words(run)
            )
            for run in rows.itertuples()
        ]
        for fold, rows in runs.groupby("fold", sort=False)
    }
    kinds = {name: colour for name, colour in COLOURS.items() if name in set(intervals["kind"])}
    return lanes(drawn, kinds, (f"{zero:%Y-%m-%d}", f"{end.max():%Y-%m-%d}"), on_top="purged")


def joined(intervals: pd.DataFrame) -> pd.DataFrame:
    """Let each stretch end where the fold's next one starts, so that nights leave no gap."""
    following = intervals.groupby("fold", sort=False)["start"].shift(-1)
    return intervals.assign(end=following.fillna(intervals["end"]))


def _words(run: Any) -> str:
    return f"{run.kind}: {run.first:%Y-%m-%d} to {run.last:%Y-%m-%d}, {run.rows:,} bars"
