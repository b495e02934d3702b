"""The page's charts as plotly figures; colours are names of the page's CSS variables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.tokenizers.brooks import FIELDS
from fints_pipeline.tokenizers.config import TokenizeConfig
from fints_pipeline.tokenizers.report.candles import candles
from fints_pipeline.tokenizers.report.measures import Series

Figure = dict[str, Any]


def charts(
    content: dict[str, Any], series: Sequence[Series], config: TokenizeConfig
) -> dict[str, Figure]:
    """Figures by the id of the element that each is drawn in."""
    figures = {
        f"candles-{n}": candles(one, config, config.vocabulary.fields)
        for n, one in enumerate(series)
    }
    figures |= {f"counts-{name}": counts(content["fields"][name]) for name in FIELDS}
    figures["unknown"] = unknown(content["vocabulary"]["months"])
    figures |= {f"drift-{name}": heat(values) for name, values in content["drift"].items()}
    figures["information"] = information(content["fields"])
    return figures


def counts(field: dict[str, Any]) -> Figure:
    """Share of the bars by value, beside the surrogate's."""
    values = list(field["counts"])

    def bars(name: str, found: dict[str, int], colour: str) -> dict[str, Any]:
        total = max(1, sum(found.values()))
        return {
            "type": "bar", "name": name, "x": values, "marker": {"color": colour},
            "y": [_plain(found[value] / total) for value in values],
            "customdata": [found[value] for value in values],
            "hovertemplate": "%{x}: %{y:.2%}, %{customdata:,} bars<extra>" + name + "</extra>",
        }  # fmt: skip

    traces = [
        bars("bars", field["counts"], "--net"),
        bars("random walk", field["surrogate_counts"], "--null"),
    ]
    layout = {"yaxis": {"tickformat": ".0%", "rangemode": "tozero"}, "barmode": "group"}
    return {"data": traces, "layout": layout}


def unknown(months: dict[str, dict[str, float]]) -> Figure:
    """Share of the bars, and of the distinct words, that the vocabulary does not know."""
    names = list(months)

    def line(name: str, values: list[float], colour: str) -> dict[str, Any]:
        return {
            "type": "scatter", "mode": "lines+markers", "name": name, "x": names,
            "y": [_plain(value) for value in values], "line": {"color": colour, "width": 2},
        }  # fmt: skip

    traces = [
        line("bars", [row["out_of_vocabulary"] for row in months.values()], "--net"),
        line("distinct words", [1 - row["types_known"] for row in months.values()], "--other"),
    ]
    layout = {
        "xaxis": _month_axis(names),
        "yaxis": {"tickformat": ".0%", "rangemode": "tozero"},
        "hovermode": "x unified",
    }
    return {"data": traces, "layout": layout}


def heat(fields: dict[str, dict[str, float]]) -> Figure:
    """A distance by field and month; darker is further."""
    months = list(next(iter(fields.values())))
    chart = {
        "type": "heatmap", "x": months, "y": list(fields),
        "z": [[_plain(row[month]) for month in months] for row in fields.values()],
        "colorscale": [[0, "--sunken"], [1, "--net"]], "showscale": False, "xgap": 1, "ygap": 1,
        "hovertemplate": "%{y}, %{x}: %{z:.4f}<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": _month_axis(months),
        "yaxis": {"autorange": "reversed", "type": "category", "dtick": 1},
    }
    return {"data": [chart], "layout": layout}


def information(fields: dict[str, dict[str, Any]]) -> Figure:
    """Mutual information with the next bar's direction, and the 95 % level of shifted ones."""
    names = list(fields)
    found = [fields[name]["next_bar"] for name in names]
    bars = {
        "type": "bar", "name": "token and next direction", "x": names,
        "y": [_plain(row["mutual_information"]) for row in found], "marker": {"color": "--net"},
        "hovertemplate": "%{x}: %{y:.5f} bits<extra></extra>",
    }  # fmt: skip
    null = {
        "type": "scatter", "mode": "markers", "name": "shifted: 95 % lie below", "x": names,
        "y": [_plain(row["null_95"]) for row in found],
        "marker": {"symbol": "line-ew-open", "size": 22, "color": "--doubled",
                   "line": {"width": 2.5}},
        "hovertemplate": "%{x}: %{y:.5f} bits<extra></extra>",
    }  # fmt: skip
    return {"data": [bars, null], "layout": {"yaxis": {"title": {"text": "bits"}}}}


def _month_axis(months: list[str]) -> dict[str, Any]:
    """At most eight labels; the page halves them on a phone."""
    shown = months[:: -(-len(months) // 8)]
    return {"type": "category", "tickvals": shown, "ticktext": shown}


def _plain(value: float | np.floating[Any]) -> float | None:
    return None if pd.isna(value) else float(f"{float(value):.6g}")
