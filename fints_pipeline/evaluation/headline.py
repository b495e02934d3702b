"""The headline table on a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from fints_pipeline.base.page.words import count, number, percent


def print_headline(summary: dict[str, Any], page: Path, console: Console | None = None) -> None:
    """Print one column a model, the verdict and the report's path.

    Args:
        summary: `evaluation.summary.summarise`.
        page: report.html.
        console: where to; None is standard output.
    """
    console = console or Console()
    test = summary["test"]
    span = f"{test['sessions']} test sessions, {test['first']} to {test['last']}"
    title = f"{summary['experiment']}: {span}"
    if summary["synthetic"]:
        title = "SYNTHETIC DATA · " + title
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    columns = [_cells(model) for model in summary["models"].values()]
    for name in summary["models"]:
        table.add_column(name + (" *" if name == summary["primary"] else ""), justify="right")
    table.add_column("buy and hold", justify="right")
    hold = _hold_cells(summary["buy_and_hold"])
    for row in columns[0]:
        table.add_row(row, *(column[row] for column in columns), hold.get(row, ""))
    console.print(table)
    console.print(_overfitting(summary), highlight=False)
    passed = summary["verdict"]["passed"]
    console.print(
        Panel(
            summary["verdict"]["sentence"],
            title="evidence survives" if passed else "no evidence of skill",
            border_style="green" if passed else "yellow",
        )
    )
    console.print("report:", str(page), soft_wrap=True, highlight=False)


def _overfitting(summary: dict[str, Any]) -> str:
    found = summary["overfitting"]
    told = percent(found["probability"], 0, sign=False)
    if found["not_told"] is not None:
        told = f"n/a ({found['not_told']})"
    return f"trials {count(summary['trials'])} · probability of backtest overfitting: {told}"


def _cells(model: dict[str, Any]) -> dict[str, str]:
    net, inference, forecast = model["net"], model["inference"], model["forecast"]
    low, high = inference["interval"]
    return {
        "net return": percent(net["total_return"]),
        "gross return": percent(model["gross"]["total_return"]),
        "net, costs ×2": percent(model["doubled"]["total_return"]),
        "Sharpe, per year": number(net["sharpe"]),
        "  95 % interval": f"{number(low)} to {number(high)}",
        "largest drawdown": percent(net["max_drawdown"], sign=False),
        "fills": count(model["trading"]["fills"]),
        "direction right": percent(forecast["directional_accuracy"], sign=False),
        "  base rate": percent(forecast["base_rate"], sign=False),
        "  Lo's correction": number(net["sharpe_lo"]),
        "probabilistic Sharpe": percent(inference["probabilistic"], 1, sign=False),
        "deflated Sharpe": percent(inference["deflated"], 1, sign=False),
        "shift null, p": number(inference["null_p"], 3),
    }


def _hold_cells(metrics: dict[str, Any]) -> dict[str, str]:
    return {
        "net return": percent(metrics["total_return"]),
        "Sharpe, per year": number(metrics["sharpe"]),
        "largest drawdown": percent(metrics["max_drawdown"], sign=False),
    }
