"""The page's charts as plotly figures in JSON.

Colours are names of the page's CSS variables ("--net"), which its script turns into the colours of
the light or dark theme when it draws; a figure holds no colour of its own.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.evaluation.metrics import drawdown
from fints_pipeline.evaluation.report.source import Material

DAY_FORMAT = "%Y-%m-%d"


def charts(material: Material) -> dict[str, str]:
    """Figure JSON by the id of the element that it is drawn in."""
    figures = {
        "equity": equity(material),
        "drawdown": underwater(material),
        "calibration": calibration(material),
        "costs": costs(material),
    }
    for n, instrument in enumerate(material.candles):
        figures[f"candles-{n}"] = candles(material, instrument)
    return {name: json.dumps(figure, allow_nan=False) for name, figure in figures.items()}


def equity(material: Material) -> dict[str, Any]:
    """Return since the start of every scenario of the primary model, and the other models' net."""
    curves, primary = material.backtest.curves, material.metrics["primary"]
    days = curves["session"].dt.strftime(DAY_FORMAT).tolist()
    traces = []
    if f"{primary}:null_05" in curves:
        low, high = (_growth(material, f"{primary}:null_{level}") for level in ("05", "95"))
        traces.append(_line(days, low, "", "--null", width=0, legend=False, hover=False))
        band = _line(days, high, "shifted signals, 5–95 %", "--null", width=0, hover=False)
        traces.append({**band, "fill": "tonexty", "fillcolor": "--null-fill"})
    traces.append(
        _line(days, _growth(material, "buy_and_hold"), "buy and hold", "--hold", dash="dot")
    )
    for model in material.config.compare:
        traces.append(_line(days, _growth(material, f"{model}:net"), f"{model}, net", "--other"))
    for name, label, colour in (
        ("gross", "gross", "--gross"), ("doubled", "costs ×2", "--doubled"),
    ):  # fmt: skip
        growth = _growth(material, f"{primary}:{name}")
        traces.append(_line(days, growth, f"{primary}, {label}", colour, dash="dash"))
    net = _growth(material, f"{primary}:net")
    traces.append(_line(days, net, f"{primary}, net", "--net", width=2.5))
    starts = [fold.test.first.isoformat() for fold in material.backtest.folds[1:]]
    lines = [
        {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper",
         "line": {"color": "--grid", "width": 1, "dash": "dot"}}
        for x in starts
    ]  # fmt: skip
    layout = {"yaxis": {"tickformat": "+.2~%"}, "shapes": lines, "hovermode": "x unified"}
    return {"data": traces, "layout": layout}


def underwater(material: Material) -> dict[str, Any]:
    """Loss from the highest equity so far, of the primary model's net curve and buy and hold."""
    curves, primary = material.backtest.curves, material.metrics["primary"]
    days = curves["session"].dt.strftime(DAY_FORMAT).tolist()

    def loss(column: str) -> list[float]:
        levels = np.concatenate([[material.config.capital], curves[column].to_numpy(float)])
        return _plain(-drawdown(levels)[1:])

    net = _line(days, loss(f"{primary}:net"), f"{primary}, net", "--doubled", width=1.5)
    hold = _line(days, loss("buy_and_hold"), "buy and hold", "--hold", dash="dot")
    area = {**net, "fill": "tozeroy", "fillcolor": "--loss-fill"}
    layout = {"yaxis": {"tickformat": ".2~%"}, "hovermode": "x unified"}
    return {"data": [area, hold], "layout": layout}


def calibration(material: Material) -> dict[str, Any]:
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
        "xaxis": {"title": {"text": "decile of the edge"}, "dtick": 1},
        "yaxis": {"title": {"text": "mean realised return, bps"}, "zeroline": True},
    }
    return {"data": [bars], "layout": layout}


def costs(material: Material) -> dict[str, Any]:
    """From the profit before costs to the profit after them."""
    trading = material.primary["trading"]
    steps = {
        "before": trading["net_profit"] + trading["cost"],
        "spread": -trading["spread_cost"],
        "slippage": -trading["slippage_cost"],
        "fees": -trading["fee_cost"],
        **{
            name: -trading[f"{name}_cost"]
            for name in ("impact", "borrow", "funding")
            if trading[f"{name}_cost"]
        },
        "after": trading["net_profit"],
    }
    fall = {
        "type": "waterfall",
        "x": list(steps),
        "y": list(steps.values()),
        "measure": ["absolute", *["relative"] * (len(steps) - 2), "total"],
        "increasing": {"marker": {"color": "--net"}},
        "decreasing": {"marker": {"color": "--doubled"}},
        "totals": {"marker": {"color": "--hold"}},
        "connector": {"line": {"color": "--grid", "width": 1}},
        "hovertemplate": "%{x}: %{delta:,.0f}<extra></extra>",
    }
    currency = material.config.account_currency
    return {"data": [fall], "layout": {"yaxis": {"title": {"text": currency}, "tickformat": "~s"}}}


def candles(material: Material, instrument: str) -> dict[str, Any]:
    """The last test bars of an instrument with the primary model's fills.

    The axis counts bars, so that nights and weekends take no room.
    """
    bars = material.candles[instrument]
    stamps = bars["open_time"].dt.strftime("%a %d %b %H:%M").tolist()
    hover = [
        f"{stamp}<br>O {row.open:g}  H {row.high:g}  L {row.low:g}  C {row.close:g}"
        + (f"<br>{_wrapped(str(row.tokens))}" if row.tokens else "")
        + ("<br>filled bar" if row.is_filled else "")
        for stamp, row in zip(stamps, bars.itertuples(), strict=True)
    ]
    rows = np.arange(len(bars)).tolist()
    chart = {
        "type": "candlestick", "x": rows, "name": instrument, "showlegend": False,
        **{side: _plain(bars[side].to_numpy(float)) for side in ("open", "high", "low", "close")},
        "increasing": {"line": {"color": "--up", "width": 1}, "fillcolor": "--up"},
        "decreasing": {"line": {"color": "--down", "width": 1}, "fillcolor": "--down"},
        "hovertext": hover, "hoverinfo": "text",
    }  # fmt: skip
    every = max(1, len(rows) // 6)
    ticks = {"tickvals": rows[::every], "ticktext": [stamps[i][4:] for i in rows[::every]]}
    axis = {**ticks, "range": [-1, len(rows)], "rangeslider": {"visible": False}}
    layout = {"xaxis": axis, "yaxis": {"tickformat": "~g"}}
    return {"data": [chart, *_fill_marks(material, instrument, bars)], "layout": layout}


def _fill_marks(material: Material, instrument: str, bars: pd.DataFrame) -> list[dict[str, Any]]:
    fills = material.backtest.fills
    own = fills[
        (fills["model"] == material.metrics["primary"]) & (fills["instrument"] == instrument)
    ]
    row_of = {stamp: row for row, stamp in enumerate(bars["open_time"])}
    shown = own[own["filled_at"].isin(list(row_of))]
    marks = []
    for name, side, symbol, colour in (
        ("buy", 1, "triangle-up", "--buy"), ("sell", -1, "triangle-down", "--sell"),
    ):  # fmt: skip
        part = shown[np.sign(shown["units"]) == side]
        marks.append(
            {
                "type": "scatter", "mode": "markers", "name": name,
                "x": [row_of[stamp] for stamp in part["filled_at"]],
                "y": _plain(part["price"].to_numpy(float)),
                "marker": {"symbol": symbol, "size": 11, "color": colour,
                           "line": {"color": "--surface", "width": 1.5}},
                "hovertext": [_fill_text(fill) for fill in part.itertuples()],
                "hoverinfo": "text",
            }
        )  # fmt: skip
    return marks


def _fill_text(fill: Any) -> str:
    cost = fill.spread_cost + fill.slippage + fill.impact + fill.fee
    return (
        f"{fill.units:+,.4g} at {fill.price:,.6g} ({fill.reason.replace('_', ' ')})<br>"
        f"decided {fill.decided_at:%a %d %b %H:%M}, filled {fill.filled_at:%H:%M}<br>"
        f"position {fill.position:+,.4g}, cost {cost:,.2f}"
    )


def _growth(material: Material, column: str) -> list[float]:
    levels = material.backtest.curves[column].to_numpy(float)
    return _plain(levels / material.config.capital - 1)


def _line(
    x: list[str], y: list[float], name: str, colour: str, *,
    width: float = 1.5, dash: str = "solid", legend: bool = True, hover: bool = True,
) -> dict[str, Any]:  # fmt: skip
    return {
        "type": "scatter", "mode": "lines", "x": x, "y": y, "name": name, "showlegend": legend,
        "line": {"color": colour, "width": width, "dash": dash},
        **({} if hover else {"hoverinfo": "skip"}),
    }  # fmt: skip


def _plain(values: np.ndarray) -> list[float]:
    """Seven significant digits keep the page small and hide nothing that a screen can show."""
    return [float(f"{value:.7g}") for value in values]


def _wrapped(text: str, width: int = 46) -> str:
    lines = [""]
    for word in text.split(", "):
        if len(lines[-1]) + len(word) > width:
            lines.append("")
        lines[-1] += (", " if lines[-1] else "") + word
    return "<br>".join(lines)
