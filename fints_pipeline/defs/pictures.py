"""What the page draws of a series partition."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import numpy as np
import pandas as pd

from fints_pipeline.base.page import sketch

_MOST_ROWS = 14
_MOST_LINES = 4


def of_bars(bars: pd.DataFrame) -> dict[str, dg.MetadataValue]:
    """Return the price with what is flagged, and how many bars each session has."""
    flags = {
        name.removeprefix("is_"): bars[name].to_numpy(bool)
        for name in ("is_filled", "is_halted", "is_suspect")
        if bars[name].any()
    }
    days = pd.to_datetime(bars["session"])
    sessions = bars["is_filled"].groupby(days)
    delivered = (sessions.size() - sessions.sum()).to_numpy(float)
    stacked = {"delivered": delivered, "filled": sessions.sum().to_numpy(float)}
    return _drawn(
        price=sketch.line(bars["close"].to_numpy(float), _ends(bars), flags),
        bars_a_session=sketch.columns(stacked, _ends(bars)),
    )


def of_columns(frame: pd.DataFrame, names: Sequence[str]) -> dict[str, dg.MetadataValue]:
    """Return each column's course, the first of them where there are many."""
    shown = {name: frame[name].to_numpy(float) for name in names[:_MOST_ROWS]}
    return _drawn(columns=sketch.rows(shown))


def of_series(rows: pd.DataFrame, names: Sequence[str]) -> dict[str, dg.MetadataValue]:
    """Return an exogenous series' values, a dot where a value is a restatement."""
    ordered = rows.sort_values("known_at", kind="stable")
    restated = ordered.duplicated("period_end").to_numpy()
    ends = tuple(str(ordered["period_end"].iloc[place].date()) for place in (0, -1))
    marks = {"restated": restated} if restated.any() else {}
    return _drawn(
        **{
            name: sketch.line(ordered[name].to_numpy(float), (ends[0], ends[1]), marks)
            for name in names[:_MOST_LINES]
            if ordered[name].notna().any()
        }
    )


def of_counts(
    what: str, counts: Sequence[float] | np.ndarray, ends: tuple[str, str]
) -> dict[str, dg.MetadataValue]:
    """Return counts as columns."""
    return _drawn(**{what.replace(" ", "_"): sketch.columns({what: np.asarray(counts)}, ends)})


def of_tokens(
    frame: pd.DataFrame, fields: Mapping[str, tuple[str, ...]]
) -> dict[str, dg.MetadataValue]:
    """Return how often each value of a field occurs."""
    shown = {}
    for name in list(fields)[:_MOST_ROWS]:
        counts = np.bincount(frame[name].to_numpy(np.int64), minlength=len(fields[name]))
        order = np.argsort(-counts, kind="stable")
        shown[name] = {fields[name][i]: float(counts[i]) for i in order if counts[i]}
    return _drawn(values=sketch.shares(shown))


def of_predictions(frame: pd.DataFrame) -> dict[str, dg.MetadataValue]:
    """Return what each model said of each instrument: its forecast, or up less down."""
    said = frame["expected_return"].fillna(frame["p_up"] - frame["p_down"])
    rows = said.groupby([frame["model"], frame["instrument"]], sort=True)
    shown = {f"{model} {name}": part.to_numpy(float) for (model, name), part in rows}
    return _drawn(forecasts=sketch.rows(dict(list(shown.items())[:_MOST_ROWS])))


def of_folds(lake, tables: Mapping[str, Any]) -> dict[str, dg.MetadataValue]:
    """Return each experiment's folds as a timeline, its table, and where both lie."""
    from fints_pipeline.training.fold_table import fold_table_key

    shown: dict[str, dg.MetadataValue] = {}
    for name, table in tables.items():
        folder = lake.open_bundle(fold_table_key(name))
        picture = (folder / "timeline.svg").read_text(encoding="utf-8")
        shown[f"{name}_timeline"] = dg.MetadataValue.md(sketch.as_markdown(picture, "folds"))
        shown[f"{name}_table"] = dg.MetadataValue.md(_markdown(table.spans))
        shown[f"{name}_files"] = dg.MetadataValue.path(str(folder))
    return shown


def _markdown(spans: pd.DataFrame) -> str:
    lines = [f"| {' | '.join(spans.columns)} |", "|" + "---|" * len(spans.columns)]
    for row in spans.itertuples(index=False):
        cells = ("" if pd.isna(value) else f"{value}".removesuffix(" 00:00:00") for value in row)
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _ends(frame: pd.DataFrame) -> tuple[str, str]:
    days = pd.to_datetime(frame["session"])
    return str(days.iloc[0].date()), str(days.iloc[-1].date())


def _drawn(**pictures: str) -> dict[str, dg.MetadataValue]:
    return {
        name: dg.MetadataValue.md(sketch.as_markdown(svg, name.replace("_", " ")))
        for name, svg in pictures.items()
    }
