"""Tables of the money: costs by part, capacity, single trades, tracked runs."""

from __future__ import annotations

import math

from fints_pipeline.base.page.table import Table
from fints_pipeline.base.page.words import money, number, percent
from fints_pipeline.evaluation.report.explorer import notable_rows
from fints_pipeline.evaluation.report.source import Material

PARTS = ("spread", "slippage", "fee", "impact", "borrow", "funding")


def costs(material: Material) -> Table:
    """Every cost of the primary model by instrument, parts that are nought left out."""
    primary = material.metrics["primary"]
    table = material.backtest.costs
    own = table[table["model"] == primary].set_index("instrument")
    fills = material.backtest.fills
    fills = fills[fills["model"] == primary]
    traded = (
        (fills["units"] * fills["price"] * fills["fx"]).abs().groupby(fills["instrument"]).sum()
    )
    shown = [name for name in PARTS if own[name].abs().sum() > 0]
    currency = material.config.account_currency
    headings = ("Instrument", *(f"{name.capitalize()}, {currency}" for name in shown),
                f"All costs, {currency}", "Costs, bps of value traded",
                f"Dividends, {currency}")  # fmt: skip
    lines = [(str(name), row, float(traded.get(name, 0.0))) for name, row in own.iterrows()]
    lines.append(("all", own.sum(), float(traded.sum())))
    rows = tuple(
        (
            name,
            *(number(float(row[part]), 0) for part in shown),
            number(float(row["cost"]), 0),
            number(float(row["cost"]) / value * 1e4 if value else None),
            number(float(row["dividend"]), 0),
        )
        for name, row, value in lines
    )
    return Table(headings, rows)


def break_even(material: Material) -> str:
    """How many times its costs the primary model could have paid, in a sentence."""
    trading = material.primary["trading"]
    before = trading["net_profit"] + trading["cost"]
    if not trading["cost"] > 0:
        return "It paid no costs."
    if before <= 0:
        return "It lost money before costs."
    times = before / trading["cost"]
    return (
        f"Before costs it earned {number(times, 1)} times what it paid: with costs of about"
        f" {number(times, 1)}× the configured ones nothing would have been left."
    )


def capacity(material: Material) -> Table:
    """What the same targets earn with more capital."""
    currency = material.config.account_currency
    rows = tuple(
        (
            number(row["capital"], 0),
            number(row["sharpe"]),
            percent(row["annual_return"], 1),
            number(row["cost_bps"], 1),
            number(row["impact_bps"], 1),
            "yes" if row["ruined"] else "no",
        )
        for row in material.primary["capacity"]["curve"]
    )
    headings = (f"Capital, {currency}", "Sharpe, per year", "Annual return", "Costs, bps of value",
                "Impact, bps of value", "Ruined")  # fmt: skip
    return Table(headings, rows)


def capacity_words(material: Material) -> str:
    """Where half of the Sharpe ratio and all of it are gone, or why that cannot be told."""
    found = material.primary["capacity"]
    if found["not_told"] is not None:
        return f"n/a: {found['not_told']}."
    curve = found["curve"]
    if not curve or curve[0]["sharpe"] is None or curve[0]["sharpe"] <= 0:
        return "It earns nothing with the smallest capital, so there is nothing to lose with more."
    parts = []
    for name, key in (("Half of the Sharpe ratio", "half"), ("All of it", "none")):
        at = found[key]
        gone = at is not None and math.isfinite(at)
        where = money(at, material.config.account_currency) if gone else None
        parts.append(f"{name} is gone at {where}" if where else f"{name} is not lost on this curve")
    return "; ".join(parts).replace("All of it is gone", "all of it is gone") + "."


def trades(material: Material) -> Table:
    """The best and worst round trips; prices split-adjusted, times in UTC."""
    headings = ("Instrument", "Side", "Entry, UTC", "Exit, UTC", "Entry price", "Exit price",
                "Costs", "Net", "Closed by")  # fmt: skip
    return Table(headings, tuple(notable_rows(material)), text_columns=4)


def runs(material: Material) -> Table:
    """The tracked fits."""
    rows = tuple(
        (run["fold"], run["model"], run["run_id"], run["url"]) for run in material.tracked.runs
    )
    return Table(("Fold", "Model", "MLflow run", "Address"), rows, 4)
