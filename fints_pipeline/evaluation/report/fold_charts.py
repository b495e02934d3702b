"""The folds' timeline as a figure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.evaluation.report.figures import Figure
from fints_pipeline.evaluation.report.source import Material
from fints_pipeline.walkforward.fold_picture import COLOURS, joined

LEAST_SHARE = 0.004
"""Of the axis: what is purged is often less than a session long and could not be seen."""


def names(material: Material) -> dict[str, str]:
    """What each fold is called in the chart: its key, or its number where keys are long."""
    keys = list(dict.fromkeys(material.folds.spans["fold"].astype(str)))
    if all(len(key) <= 10 for key in keys):
        return {key: key for key in keys}
    return {key: f"split {number}" for number, key in enumerate(keys, start=1)}


def timeline(material: Material) -> Figure:
    """A lane a fold, coloured by what its sessions are for."""
    runs = joined(material.folds.intervals)
    called = names(material)
    whole = runs["end"].max() - runs["start"].min()
    traces = [
        _kind(kind, runs[runs["kind"] == kind], called, whole)
        for kind in COLOURS
        if (runs["kind"] == kind).any()
    ]
    layout = {
        "barmode": "overlay",
        "bargap": 0.25,
        "xaxis": {"type": "date", "range": [_iso(runs["start"].min()), _iso(runs["end"].max())]},
        "yaxis": {
            "type": "category", "autorange": "reversed", "showgrid": False,
            "categoryorder": "array", "categoryarray": list(called.values()),
        },
        "hovermode": "closest",
    }  # fmt: skip
    return {"data": traces, "layout": layout}


def height(material: Material) -> int:
    """Pixels that the timeline takes."""
    lanes = material.folds.spans["fold"].nunique()
    return 92 + lanes * (26 if lanes <= 12 else 14)


def _kind(kind: str, rows: pd.DataFrame, called: dict[str, str], whole: pd.Timedelta) -> Figure:
    length = (rows["end"] - rows["start"]).dt.total_seconds().to_numpy() * 1e3
    if kind == "purged":
        length = np.maximum(length, whole.total_seconds() * 1e3 * LEAST_SHARE)
    return {
        "type": "bar", "orientation": "h", "name": kind,
        "y": [called[str(fold)] for fold in rows["fold"]],
        "base": [_iso(start) for start in rows["start"]],
        "x": length.round().astype(int).tolist(),
        "marker": {"color": f"--fold-{kind}"},
        "customdata": [
            f"{fold}<br>{kind}: {first:%Y-%m-%d} to {last:%Y-%m-%d}<br>{bars:,} bars"
            for fold, first, last, bars in zip(
                rows["fold"], rows["first"], rows["last"], rows["rows"], strict=True
            )
        ],
        "hovertemplate": "%{customdata}<extra></extra>",
    }  # fmt: skip


def _iso(at: pd.Timestamp) -> str:
    return f"{at:%Y-%m-%d %H:%M}"
