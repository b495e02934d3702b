"""From the material to report.html, report.md and report.json."""

from __future__ import annotations

import json
from itertools import groupby
from pathlib import Path
from typing import Any

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.page.environment import page_environment, plotly_script
from fints_pipeline.base.page.words import count, money, percent
from fints_pipeline.evaluation.report import evidence, tables
from fints_pipeline.evaluation.report.charts import charts
from fints_pipeline.evaluation.report.glossary import GLOSSARY
from fints_pipeline.evaluation.report.source import Material, strategy_name
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.limits import Limits, Stops

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def write(folder: Path, material: Material) -> None:
    """Write the report's three files into `folder`.

    The page holds plotly.js and opens from disk without a network. Nothing in it depends on when
    it was made: the same backtest gives the same bytes.
    """
    view = _view(material)
    environment = page_environment("fints_pipeline.evaluation.report")
    for name, template in (("report.html", "report.html.j2"), ("report.md", "report.md.j2")):
        text = environment.get_template(template).render(view)
        (folder / name).write_text(text, encoding="utf-8")
    content = {
        **material.metrics,
        "config": material.config.model_dump(mode="json"),
        "lineage": view["lineage"],
        "inputs": dict(sorted(material.inputs.items())),
    }
    text = json.dumps(content, indent=1, allow_nan=False)
    (folder / "report.json").write_text(text, encoding="utf-8")


def month_grid(months: dict[str, float]) -> list[dict[str, Any]]:
    """Monthly returns, one row a year: its twelve months (None where unknown) and its total."""
    grid = []
    for year, keys in groupby(sorted(months), key=lambda month: month[:4]):
        own = {int(key[5:]): months[key] for key in keys}
        total = 1.0
        for value in own.values():
            total *= 1 + value
        cells = [own.get(month) for month in range(1, 13)]
        grid.append({"year": year, "months": cells, "total": total - 1})
    return grid


def _view(material: Material) -> dict[str, Any]:
    metrics, config = material.metrics, material.config
    return {
        "title": config.experiment,
        "synthetic": metrics["synthetic"],
        "metrics": metrics,
        "config": config,
        "frequency": material.frequency,
        "verdict": metrics["verdict"],
        "tiles": tables.tiles(material),
        "models": tables.models(material),
        "forecasts": tables.forecasts(material),
        "errors": evidence.errors(material),
        "reliability": evidence.reliability(material),
        "comparison": evidence.comparison(material),
        "paths": evidence.paths(material),
        "overfitting": evidence.overfitting(material),
        "leaks": evidence.leaks(material),
        "folds": tables.folds(material),
        "instruments": tables.instruments(material),
        "quality": tables.quality(material),
        "months": month_grid(material.primary["months"]),
        "month_names": MONTHS,
        "month_scale": max((abs(v) for v in material.primary["months"].values()), default=0.0),
        "rules": _rules(material),
        "lineage": _lineage(material),
        "inputs": sorted(material.inputs.items()),
        "glossary": GLOSSARY,
        "candles": list(material.candles),
        "charts": charts(material),
        "plotly": plotly_script,
    }


def _rules(material: Material) -> dict[str, str]:
    """The trading rules in words."""
    config, costs = material.config, material.config.costs
    threshold = config.threshold
    level = (
        f"|edge| ≥ {threshold.fixed:g}"
        if threshold.fixed is not None
        else f"|edge| ≥ its {threshold.quantile:g} quantile on the validation span"
    )
    sizing = config.sizing
    size = {
        "fixed": f"{percent(sizing.fraction, 0, sign=False)} of equity, each instrument",
        "volatility_target": f"{percent(sizing.annual_volatility, 0, sign=False)} volatility a"
        f" year, from {sizing.window} sessions",
        "kelly": f"{percent(sizing.kelly_fraction, 0, sign=False)} of Kelly, each instrument",
    }[sizing.kind]
    spread = [f"{costs.half_spread_bps:g} bps"] if costs.half_spread_bps else []
    spread += [f"{costs.half_spread_ticks:g} ticks"] if costs.half_spread_ticks else []
    return {
        "Decision": f"every {count(config.hold)} bars of {material.frequency}, at the close",
        "Fill": "open of the next real bar",
        "Entry": level,
        "Size": f"{size}, gross at most {config.sizing.max_leverage:g}×",
        "At session end": "flat" if config.flatten_at_session_end else "carried on",
        "Half spread": " + ".join(spread) or "none",
        "Fee and slippage": f"{costs.fee_bps:g} and {costs.slippage_bps:g} bps a side",
        **_more_costs(costs),
        **_rules_in_words("Limits", config.limits),
        **_rules_in_words("Stops", config.stops),
        "Capital": money(config.capital, config.account_currency),
    }


def _more_costs(costs: CostModel) -> dict[str, str]:
    """Costs by volatility, size and time, where there are some."""
    told = {
        "Slippage by volatility": costs.slippage_volatility and f"{costs.slippage_volatility:g} σ",
        "Impact": costs.impact and f"{costs.impact:g} σ √(Q / V)",
        "Borrow a year": costs.borrow_rate and percent(costs.borrow_rate, 1, sign=False),
        "Funding a year": (costs.funding_long or costs.funding_short)
        and f"longs pay {percent(costs.funding_long, 1, sign=False)}, shorts earn"
        f" {percent(costs.funding_short, 1, sign=False)}",
    }
    return {name: str(text) for name, text in told.items() if text}


def _rules_in_words(name: str, rules: Limits | Stops) -> dict[str, str]:
    """The keys that are set, as the config has them; nothing where none is."""
    plain = type(rules)()
    given = [
        f"{key.replace('_', ' ')} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in rules
        if value != getattr(plain, key)
    ]
    return {name: ", ".join(given)} if given else {}


def _lineage(material: Material) -> dict[str, str]:
    return {
        "Backtest code": f"version {material.code_version}",
        "Config and experiment": material.config_fingerprint,
        "Backtest config": fingerprint(material.config),
        "Strategy, as a trial": strategy_name(material),
        "Seed": str(material.config.seed),
        "Partitions read": count(len(material.inputs)),
    }
