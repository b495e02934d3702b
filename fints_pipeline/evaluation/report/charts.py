"""Figures of the money: equity, drawdown, costs, capacity."""

from __future__ import annotations

import numpy as np

from fints_pipeline.evaluation.metrics import drawdown
from fints_pipeline.evaluation.report.figures import Figure, line, plain, titled
from fints_pipeline.evaluation.report.source import Material

DAY_FORMAT = "%Y-%m-%d"


def equity(material: Material) -> Figure:
    """Return since the start of every scenario of the primary model, and the other models' net."""
    curves, primary = material.backtest.curves, material.metrics["primary"]
    days = curves["session"].dt.strftime(DAY_FORMAT).tolist()
    traces = []
    if f"{primary}:null_05" in curves:
        low, high = (_growth(material, f"{primary}:null_{level}") for level in ("05", "95"))
        traces.append(line(days, low, "", "--null", width=0, legend=False, hover=False))
        band = line(days, high, "shifted signals, 5–95 %", "--null", width=0, hover=False)
        traces.append({**band, "fill": "tonexty", "fillcolor": "--null-fill"})
    traces.append(
        line(days, _growth(material, "buy_and_hold"), "buy and hold", "--hold", dash="dot")
    )
    for model in material.config.compare:
        traces.append(line(days, _growth(material, f"{model}:net"), f"{model}, net", "--other"))
    for name, label, colour in (
        ("gross", "gross", "--gross"), ("doubled", "costs ×2", "--doubled"),
    ):  # fmt: skip
        growth = _growth(material, f"{primary}:{name}")
        traces.append(line(days, growth, f"{primary}, {label}", colour, dash="dash"))
    net = _growth(material, f"{primary}:net")
    traces.append(line(days, net, f"{primary}, net", "--net", width=2.5))
    starts = [fold.test.first.isoformat() for fold in material.backtest.folds[1:]]
    lines = [
        {"type": "line", "x0": x, "x1": x, "y0": 0, "y1": 1, "yref": "paper",
         "line": {"color": "--grid", "width": 1, "dash": "dot"}}
        for x in starts
    ]  # fmt: skip
    layout = {"yaxis": {"tickformat": "+.2~%"}, "shapes": lines, "hovermode": "x unified"}
    return {"data": traces, "layout": layout}


def underwater(material: Material) -> Figure:
    """Loss from the highest equity so far, of the primary model's net curve and buy and hold."""
    curves, primary = material.backtest.curves, material.metrics["primary"]
    days = curves["session"].dt.strftime(DAY_FORMAT).tolist()

    def loss(column: str) -> list[float]:
        levels = np.concatenate([[material.config.capital], curves[column].to_numpy(float)])
        return plain(-drawdown(levels)[1:])

    net = line(days, loss(f"{primary}:net"), f"{primary}, net", "--doubled", width=1.5)
    hold = line(days, loss("buy_and_hold"), "buy and hold", "--hold", dash="dot")
    area = {**net, "fill": "tozeroy", "fillcolor": "--loss-fill"}
    layout = {"yaxis": {"tickformat": ".2~%"}, "hovermode": "x unified"}
    return {"data": [area, hold], "layout": layout}


def costs(material: Material) -> Figure:
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


def _growth(material: Material, column: str) -> list[float]:
    levels = material.backtest.curves[column].to_numpy(float)
    return plain(levels / material.config.capital - 1)


def capacity(material: Material) -> Figure | None:
    """Net Sharpe ratio of the primary model against capital; None where it cannot be told.

    A capital that ends in ruin has no Sharpe ratio worth drawing; the table names it.
    """
    found = material.primary["capacity"]
    if found["not_told"] is not None:
        return None
    curve = [row for row in found["curve"] if row["sharpe"] is not None and not row["ruined"]]
    if not curve:
        return None
    currency = material.config.account_currency
    trace = {
        **line([row["capital"] for row in curve], [row["sharpe"] for row in curve], "net", "--net"),
        "mode": "lines+markers",
        "showlegend": False,
        "hovertemplate": f"%{{x:,.0f}} {currency}<br>Sharpe %{{y:.2f}}<extra></extra>",
    }
    layout = {
        "xaxis": titled(f"capital, {currency}", type="log", dtick=1),
        "yaxis": titled("Sharpe, per year", zeroline=True),
    }
    return {"data": [trace], "layout": layout}
