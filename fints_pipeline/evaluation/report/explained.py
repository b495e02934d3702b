"""What the models looked at: figures and tables of the explanations, where there are some."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from fints_pipeline.base.frames import named_rows
from fints_pipeline.base.page.table import Table
from fints_pipeline.base.page.words import NO_BREAK, NONE, count, money, number
from fints_pipeline.evaluation.report.figures import Figure, plain, titled
from fints_pipeline.evaluation.report.source import Material

ALL_FOLDS = "all"
MOST_CHARTS = 12
MOST_BARS = 15
MOST_ROWS = 20
METHODS = {
    "integrated_gradients": "Integrated gradients",
    "tree_shap": "TreeSHAP",
    "permutation": "Permutation",
    "attention": "Attention",
}
GROUPS = {
    "feature": "by feature", "lag": "by bars back", "family": "by feature family",
    "field": "by token field", "position": "by bars back", "patch": "by patches back",
}  # fmt: skip


def charts(material: Material) -> dict[str, tuple[str, str, Figure]]:
    """Title, note and figure by the id of the element, the primary model's first."""
    found = {}
    for place, (title, note, rows) in enumerate(_charted(material)):
        found[f"importance-{place}"] = (title, note, _bars(rows))
    return found


def _charted(material: Material) -> Iterator[tuple[str, str, pd.DataFrame]]:
    if material.explanations is None:
        return
    table = material.explanations.importances
    table = table[table["fold"] == ALL_FOLDS]
    primary = material.metrics["primary"]
    keys = ["model", "method", "group", "unit"]
    groups: list[tuple[Any, pd.DataFrame]] = list(table.groupby(keys, sort=False))
    groups.sort(key=lambda group: (group[0][0] != primary, bool(group[1]["diagnostic"].any())))
    for key, rows in groups[:MOST_CHARTS]:
        model, method, group, unit = map(str, key)
        title = f"{model}: {METHODS.get(method, method)} {GROUPS.get(group, f'by {group}')}"
        note = f"{unit}, {count(int(rows['windows'].max()))} windows"
        if rows["diagnostic"].any():
            note += "; a diagnostic and no explanation: what is attended to need not matter"
        yield title, note, rows


def _bars(rows: pd.DataFrame) -> Figure:
    in_order = bool(rows["name"].astype(str).str.fullmatch(r"\d+").all())
    shown = rows.reindex(rows["value"].abs().sort_values(ascending=False, kind="stable").index)
    shown = shown.head(MOST_BARS)
    if in_order:
        shown = rows.assign(n=rows["name"].astype(int)).sort_values("n").head(4 * MOST_BARS)
    value = shown["value"].to_numpy(float)
    low, high = (shown[name].fillna(shown["value"]).to_numpy(float) for name in ("low", "high"))
    names = shown["name"].astype(str).str.replace("_", " ").tolist()
    error = {
        "type": "data", "symmetric": False, "array": plain(high - value),
        "arrayminus": plain(value - low), "color": "--text-soft", "thickness": 1.2, "width": 3,
    }  # fmt: skip
    along, across = ("y", "x") if in_order else ("x", "y")
    trace = {
        "type": "bar", "orientation": "v" if in_order else "h", along: plain(value), across: names,
        f"error_{along}": error, "marker": {"color": "--net"}, "showlegend": False,
        "hovertemplate": f"%{{{across}}}: %{{{along}:.4g}}<extra></extra>",
    }  # fmt: skip
    category = {"type": "category"} | ({} if in_order else {"autorange": "reversed"})
    unit = str(shown["unit"].iloc[0])
    layout = {
        f"{across}axis": category
        | (
            titled(GROUPS.get(str(rows["group"].iloc[0]), "").removeprefix("by "), nticks=12)
            if in_order
            else {}
        ),
        f"{along}axis": titled(unit, zeroline=True),
    }
    return {"data": [trace], "layout": layout}


def importances(material: Material) -> Table:
    """Every importance of all folds together that is no bar of its own in time."""
    if material.explanations is None:
        return Table((), ())
    table = material.explanations.importances
    table = table[(table["fold"] == ALL_FOLDS) & ~table["group"].isin(("lag", "position"))]
    rows = tuple(
        (
            str(row.model), METHODS.get(row.method, str(row.method)), str(row.group),
            str(row.called), _amount(row.value), _between(row.low, row.high), str(row.unit),
        )
        for row in named_rows(table.rename(columns={"name": "called"}))
    )  # fmt: skip
    headings = ("Model", "Method", "Group", "Name", "Value", "Interval", "Unit")
    return Table(headings, rows, 4)


def completeness(material: Material) -> Table:
    """Whether attributions add up to what they explain."""
    if material.explanations is None:
        return Table((), ())
    rows = tuple(
        (
            str(row.model), str(row.fold), METHODS.get(row.method, str(row.method)),
            count(int(row.windows)), _amount(row.error), _amount(row.tolerance),
            "adds up" if row.passed else "DOES NOT ADD UP",
        )
        for row in named_rows(material.explanations.completeness)
    )  # fmt: skip
    headings = ("Model", "Fold", "Method", "Windows", "Error", "Tolerance", "Result")
    return Table(headings, rows, 3)


def attribution(material: Material) -> Table:
    """Token values by the money of the trades that they pushed into, most telling first."""
    if material.explanations is None or material.explanations.attribution.empty:
        return Table((), ())
    table = material.explanations.attribution
    order = table["attributed"].abs().sort_values(ascending=False, kind="stable").index
    currency = material.config.account_currency
    rows = tuple(
        (
            str(row.model), str(row.field), str(row.value), count(int(row.trades)),
            count(int(row.entries)), f"{count(int(row.winners))} / {count(int(row.losers))}",
            money(float(row.net), currency), money(float(row.attributed), currency),
            _between(row.null_low, row.null_high, 0), number(_known(row.p_adjusted), 3),
        )
        for row in named_rows(table.loc[order[:MOST_ROWS]])
    )  # fmt: skip
    headings = ("Model", "Field", "Value", "Trades", "Entries", "Won / lost", "Net of trades",
                "Attributed", by_chance(material, "By chance"), "p, adjusted")  # fmt: skip
    return Table(headings, rows, 3)


def null_level(material: Material) -> str:
    """The probability of the band by chance in words; "" where it is not known."""
    found = material.explanations
    if found is None or found.null_level is None:
        return ""
    return f"{100 * found.null_level:g}{NO_BREAK}%"


def by_chance(material: Material, words: str) -> str:
    """Words for the band by chance, with its probability where that is known."""
    level = null_level(material)
    return f"{words}, {level}" if level else words


def attribution_chart(material: Material) -> Figure | None:
    """The largest attributed gains and losses, with what shuffled trades would give."""
    if material.explanations is None or material.explanations.attribution.empty:
        return None
    table = material.explanations.attribution
    primary = material.metrics["primary"]
    model = primary if (table["model"] == primary).any() else table["model"].iloc[0]
    own = table[table["model"] == model]
    own = own.reindex(own["attributed"].abs().sort_values(ascending=False, kind="stable").index)
    own = own.head(MOST_BARS).sort_values("attributed", ascending=False)
    names = (own["field"].astype(str) + " " + own["value"].astype(str)).tolist()
    value = own["attributed"].to_numpy(float)
    low, high = (own[name].to_numpy(float) for name in ("null_low", "null_high"))
    bars = {
        "type": "bar", "orientation": "h", "name": "attributed", "x": plain(value), "y": names,
        "marker": {"color": ["--up" if one >= 0 else "--down" for one in value]},
        "hovertemplate": "%{y}: %{x:,.0f}<extra></extra>",
    }  # fmt: skip
    middle = (low + high) / 2
    band = {
        "type": "scatter", "mode": "markers", "name": by_chance(material, "by chance"),
        "x": plain(middle), "y": names, "marker": {"color": "--text-soft", "size": 1},
        "error_x": {"type": "data", "array": plain((high - low) / 2), "color": "--text-soft",
                    "thickness": 1.4, "width": 5},
        "hoverinfo": "skip",
    }  # fmt: skip
    layout = {
        "yaxis": {"type": "category", "autorange": "reversed", "dtick": 1},
        "xaxis": titled(material.config.account_currency, zeroline=True, tickformat="~s"),
    }
    return {"data": [bars, band], "layout": layout}


def absent(material: Material) -> str | None:
    """Why there is nothing to show; None where there is."""
    if material.explanations is not None:
        return None
    return (
        "n/a: no explanations of this backtest are in the lake; `python -m fints_pipeline.explain`"
        " or the job `explain` makes them, and the report again."
    )


def not_told(material: Material) -> dict[str, str]:
    """Why a method is absent, by model and method in words."""
    if material.explanations is None:
        return {}
    return {
        f"{model}, {METHODS.get(method, method.replace('_', ' '))}": why
        for model, methods in material.explanations.not_told.items()
        for method, why in methods.items()
    }


def _amount(value: float) -> str:
    return NONE if pd.isna(value) else f"{value:.4g}".replace("-", "−")


def _between(low: float, high: float, digits: int | None = None) -> str:
    if pd.isna(low) or pd.isna(high):
        return NONE
    if digits is not None:
        return f"{number(low, digits)} to {number(high, digits)}"
    return f"{_amount(low)} to {_amount(high)}"


def _known(value: float) -> float | None:
    return None if pd.isna(value) else float(value)
