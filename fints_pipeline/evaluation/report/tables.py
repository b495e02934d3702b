"""The page's tables: rows of ready-made words, shared by HTML and Markdown."""

from __future__ import annotations

from typing import Any

from fints_pipeline.base.page.table import Table, Tile
from fints_pipeline.base.page.words import count, money, number, percent
from fints_pipeline.evaluation.report.source import Material, Quality


def tiles(material: Material) -> tuple[Tile, ...]:
    """The primary model's headline."""
    net, trading = material.primary["net"], material.primary["trading"]
    sure, seen = material.primary["inference"], material.primary["forecast"]
    low, high = sure["interval"]
    gross = percent(material.primary["gross"]["total_return"])
    doubled = percent(material.primary["doubled"]["total_return"])
    drawdown = f"longest {count(net['drawdown_sessions'])} of {count(net['sessions'])} sessions"
    return (
        Tile("Net return", percent(net["total_return"]), f"gross {gross} · costs ×2 {doubled}"),
        Tile("Sharpe, per year", number(net["sharpe"]), f"95 %: {number(low)} to {number(high)}"),
        Tile(
            "Deflated Sharpe",
            percent(sure["deflated"], 1, sign=False),
            f"of {count(material.metrics['trials'])} trials; above 95 % is needed",
        ),
        Tile(
            "Shift null, p",
            number(sure["null_p"], 3),
            f"{count(sure['null_shifts'])} shifts, median Sharpe {number(sure['null_median'])}",
        ),
        Tile("Largest drawdown", percent(net["max_drawdown"], sign=False), drawdown),
        Tile(
            "Direction right",
            percent(seen["directional_accuracy"], 1, sign=False),
            f"base rate {percent(seen['base_rate'], 1, sign=False)} · rank IC "
            f"{number(seen['rank_ic'], 3)}",
        ),
        Tile(
            "Round trips",
            count(trading["trades"]),
            f"{percent(trading['hit_rate'], 0, sign=False)} won · {count(trading['fills'])} fills",
        ),
        Tile(
            "Costs",
            money(trading["cost"], material.config.account_currency),
            f"turnover {number(trading['turnover'], 0)}× a year",
        ),
    )


def models(material: Material) -> Table:
    """Every model side by side, a column each, the primary first; buy and hold last."""
    found = material.metrics["models"]
    columns = [_performance(model) for model in found.values()]
    hold = _returns(material.metrics["buy_and_hold"])
    rows = tuple(
        (name, *(column[name] for column in columns), hold.get(name, "")) for name in columns[0]
    )
    return Table(("", *found, "buy and hold"), rows)


def _performance(model: dict[str, Any]) -> dict[str, str]:
    trading = model["trading"]
    return {
        "Net return": percent(model["net"]["total_return"]),
        "Gross return": percent(model["gross"]["total_return"]),
        "Net return, costs ×2": percent(model["doubled"]["total_return"]),
        **_returns(model["net"]),
        "Fills": count(trading["fills"]),
        "Turnover a year": number(trading["turnover"], 0) + "×",
        "Hit rate": percent(trading["hit_rate"], 1, sign=False),
        "Profit factor": number(trading["profit_factor"]),
        "Exposure": percent(trading["exposure"], 0, sign=False),
        "Cost share": percent(trading["cost_share"], 0, sign=False),
    }


def _returns(metrics: dict[str, Any]) -> dict[str, str]:
    return {
        "Net return": percent(metrics["total_return"]),
        "Annual return": percent(metrics["annual_return"], 1),
        "Annual volatility": percent(metrics["annual_volatility"], 1, sign=False),
        "Sharpe, per year": number(metrics["sharpe"]),
        "Sharpe, Lo's correction": number(metrics["sharpe_lo"]),
        "Sortino, per year": number(metrics["sortino"]),
        "Calmar": number(metrics["calmar"]),
        "Largest drawdown": percent(metrics["max_drawdown"], sign=False),
        "Longest drawdown, sessions": count(metrics["drawdown_sessions"]),
    }


def forecasts(material: Material) -> Table:
    """Every model's forecast scores."""
    headings = ("Model", "Bars", "Accuracy", "Base rate", "Precision up", "Recall up",
                "F1 up", "Precision down", "Recall down", "F1 down", "IC", "Rank IC",
                "ICIR")  # fmt: skip
    shares = ("directional_accuracy", "base_rate", "precision_up", "recall_up", "f1_up",
              "precision_down", "recall_down", "f1_down")  # fmt: skip
    rows = tuple(
        (
            name,
            count(scores["rows"]),
            *(percent(scores[share], 1, sign=False) for share in shares),
            number(scores["ic"], 4),
            number(scores["rank_ic"], 4),
            number(scores["icir"], 3),
        )
        for name, model in material.metrics["models"].items()
        for scores in (model["forecast"],)
    )
    return Table(headings, rows)


def folds(material: Material) -> Table:
    """The primary model fold by fold; the base rate stands in brackets."""
    headings = ("Test from", "to", "Sessions", "Bars", "Threshold", "Net return",
                "Sharpe, per year", "Drawdown", "Right (base)", "Rank IC")  # fmt: skip
    rows = tuple(
        (
            *fold["test"],
            count(fold["sessions"]),
            count(fold["rows"]),
            number(fold["threshold"], 3),
            percent(fold["total_return"]),
            number(fold["sharpe"]),
            percent(fold["max_drawdown"], sign=False),
            f"{percent(fold['directional_accuracy'], 1, sign=False)}"
            f" ({percent(fold['base_rate'], 1, sign=False)})",
            number(fold["rank_ic"], 3),
        )
        for fold in material.primary["folds"]
    )
    return Table(headings, rows, text_columns=2)


def instruments(material: Material) -> Table:
    """What each instrument contributed."""
    currency = material.config.account_currency
    headings = ("Instrument", "Bars", "Fills", "Round trips", "Hit rate", "Net profit", "Costs",
                "Price change")  # fmt: skip
    rows = tuple(
        (
            row["instrument"],
            count(row["bars"]),
            count(row["fills"]),
            count(row["trades"]),
            percent(row["hit_rate"], 0, sign=False),
            money(row["net_profit"], currency),
            money(row["cost"], currency),
            percent(row["price_change"]),
        )
        for row in material.primary["instruments"]
    )
    return Table(headings, rows)


def quality(material: Material) -> Table:
    """What is known of the bars that were traded on."""
    rows = tuple(
        (
            row.instrument,
            _rules(row),
            count(row.months),
            count(row.bars),
            percent(row.filled / row.bars if row.bars else None, sign=False),
            count(row.partial),
        )
        for row in material.quality
    )
    headings = ("Instrument", "Cleaning rules that applied", "Months", "Bars", "Filled", "Partial")
    return Table(headings, rows, text_columns=2)


def _rules(row: Quality) -> str:
    if not row.months:
        return "not known"
    return "; ".join(f"{name.replace('_', ' ')} {n:,}" for name, n in row.rules.items()) or "none"
