"""Figures of the forecasts: realised return by edge, reliability, the PIT's histogram."""

from __future__ import annotations

from typing import Any

from fints_pipeline.evaluation.report.figures import Figure, titled
from fints_pipeline.evaluation.report.source import Material

COLOURS = ("--net", "--other", "--gross", "--hold", "--doubled")


def calibration(material: Material) -> Figure:
    """Mean realised return by decile of the edge, two standard errors either side."""
    bins = material.primary["calibration"]
    rows = [f"{row['rows']:,} bars, {row['share_up']:.1%} rose" for row in bins]
    bars = {
        "type": "bar",
        "x": list(range(1, len(bins) + 1)),
        "y": [row["mean_return"] * 1e4 for row in bins],
        "error_y": {
            "array": [2e4 * (row["mean_return_se"] or 0) for row in bins],
            "color": "--text-soft", "thickness": 1.2,
        },
        "marker": {"color": "--net"},
        "customdata": [[f"{row['edge']:+.3f}", text] for row, text in zip(bins, rows, strict=True)],
        "hovertemplate": "mean edge %{customdata[0]}<br>%{y:.2f} bps<br>%{customdata[1]}"
        "<extra></extra>",
    }  # fmt: skip
    layout = {
        "xaxis": titled("decile of the edge", dtick=1),
        "yaxis": titled("mean realised return, bps", zeroline=True),
    }
    return {"data": [bars], "layout": layout}


def reliability(material: Material) -> Figure | None:
    """What was said against how often it came, of every model that says quantiles or rises."""
    traces = []
    for colour, (name, model) in zip(COLOURS, material.metrics["models"].items(), strict=False):
        found = model["reliability"]
        for kind, said, symbol in (
            ("quantiles", "level", "circle"), ("rises", "said", "diamond"),
        ):  # fmt: skip
            if found[kind]:
                traces.append(_said_and_came(f"{name}, {kind}", found[kind], said, symbol, colour))
    if not traces:
        return None
    shares = [row for trace in traces for row in (*trace["x"], *trace["y"])]
    low, high = max(0.0, min(shares) - 0.05), min(1.0, max(shares) + 0.05)
    diagonal = {
        "type": "scatter", "mode": "lines", "name": "calibrated", "x": [low, high],
        "y": [low, high],
        "line": {"color": "--null", "dash": "dot", "width": 1}, "hoverinfo": "skip",
    }  # fmt: skip
    layout = {
        "xaxis": titled("said", tickformat=".0%", range=[low, high]),
        "yaxis": titled("came", tickformat=".0%", range=[low, high]),
    }
    return {"data": [diagonal, *traces], "layout": layout}


def _said_and_came(
    name: str, rows: list[dict[str, Any]], said: str, symbol: str, colour: str
) -> Figure:
    largest = max(row["rows"] for row in rows)
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": name,
        "x": [row[said] for row in rows],
        "y": [row["observed"] for row in rows],
        "customdata": [row["rows"] for row in rows],
        "line": {"color": colour, "width": 1.2},
        "marker": {
            "color": colour,
            "symbol": symbol,
            "size": [5 + 7 * (row["rows"] / largest) ** 0.5 for row in rows],
        },
        "hovertemplate": "said %{x:.1%}<br>came %{y:.1%}<br>%{customdata:,} bars<extra></extra>",
    }


def histogram(material: Material) -> Figure | None:
    """Where returns fell between the forecast quantiles, over what was expected."""
    traces = []
    for colour, (name, model) in zip(COLOURS, material.metrics["models"].items(), strict=False):
        rows = model["reliability"]["histogram"]
        if rows:
            traces.append(
                {
                    "type": "bar",
                    "name": name,
                    "x": [f"{row['low'] * 100:.0f}–{row['high'] * 100:.0f}" for row in rows],
                    "y": [row["observed"] / row["expected"] for row in rows],
                    "customdata": [[row["observed"], row["expected"]] for row in rows],
                    "marker": {"color": colour},
                    "hovertemplate": "%{x} %: %{customdata[0]:.1%} of returns, "
                    "%{customdata[1]:.1%} expected<extra></extra>",
                }
            )
    if not traces:
        return None
    level = {
        "type": "line", "x0": 0, "x1": 1, "xref": "paper", "y0": 1, "y1": 1,
        "line": {"color": "--text-soft", "width": 1, "dash": "dot"},
    }  # fmt: skip
    layout = {
        "xaxis": titled("between forecast quantiles, %", type="category"),
        "yaxis": titled("returns found ÷ expected", rangemode="tozero"),
        "shapes": [level],
        "barmode": "group",
        "showlegend": len(traces) > 1,
    }
    return {"data": traces, "layout": layout}
