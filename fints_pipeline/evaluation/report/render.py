"""From the material to report.html, report.md and report.json."""

from __future__ import annotations

import json
from importlib.metadata import version
from itertools import groupby
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.page.environment import page_environment, plotly_script
from fints_pipeline.base.page.words import count
from fints_pipeline.evaluation.report import (
    charts,
    evidence,
    explained,
    fold_charts,
    fold_tables,
    forecast_charts,
    money_tables,
    tables,
)
from fints_pipeline.evaluation.report.explorer import explorer, notable_trades
from fints_pipeline.evaluation.report.figures import Figure
from fints_pipeline.evaluation.report.glossary import GLOSSARY
from fints_pipeline.evaluation.report.rules import rules
from fints_pipeline.evaluation.report.source import Material, strategy_name

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
SECTIONS = {
    "verdict": "Verdict",
    "equity-section": "Equity",
    "models": "Models",
    "statistics": "Statistics",
    "folds": "Folds",
    "months": "Months",
    "trades": "Trades",
    "forecasts": "Forecasts",
    "importances": "Importances",
    "costs-section": "Costs",
    "capacity-section": "Capacity",
    "rules": "Rules",
    "data": "Data and lineage",
    "glossary": "Glossary",
}
"""What the page is made of, in its order: titles by the id of the section."""


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
    text = json.dumps(_content(material, view), indent=1, allow_nan=False)
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
    importance = explained.charts(material)
    return {
        "title": config.experiment,
        "sections": SECTIONS,
        "synthetic": metrics["synthetic"],
        "metrics": metrics,
        "config": config,
        "frequency": material.frequency,
        "verdict": metrics["verdict"],
        "tiles": tables.tiles(material),
        "models": tables.models(material),
        "statistics": evidence.statistics(material),
        "forecasts": tables.forecasts(material),
        "errors": evidence.errors(material),
        "reliability": evidence.reliability(material),
        "comparison": evidence.comparison(material),
        "paths": evidence.paths(material),
        "overfitting": evidence.overfitting(material),
        "leaks": evidence.leaks(material),
        "folds": tables.folds(material),
        "spans": fold_tables.spans(material),
        "splits": fold_tables.splits(material),
        "context": fold_tables.context(material),
        "timeline_height": fold_charts.height(material),
        "instruments": tables.instruments(material),
        "trades": money_tables.trades(material),
        "cost_table": money_tables.costs(material),
        "break_even": money_tables.break_even(material),
        "capacity": money_tables.capacity(material),
        "capacity_words": money_tables.capacity_words(material),
        "importances": explained.importances(material),
        "importance_charts": {key: one[:2] for key, one in importance.items()},
        "completeness": explained.completeness(material),
        "attribution": explained.attribution(material),
        "null_level": explained.null_level(material),
        "unexplained": explained.absent(material),
        "not_told": explained.not_told(material),
        "quality": tables.quality(material),
        "months": month_grid(material.primary["months"]),
        "month_names": MONTHS,
        "month_scale": max((abs(v) for v in material.primary["months"].values()), default=0.0),
        "rules": rules(material),
        "lineage": _lineage(material),
        "runs": money_tables.runs(material),
        "untracked": material.tracked.not_told,
        "configs": _configs(material),
        "inputs": sorted(material.inputs.items()),
        "glossary": GLOSSARY,
        "candles": list(material.candles),
        "explorer": _json(explorer(material)),
        "charts": _charts(material, {key: one[2] for key, one in importance.items()}),
        "plotly": plotly_script,
    }


def _charts(material: Material, importance: dict[str, Figure]) -> dict[str, str]:
    """Figures in JSON by the id of the element that each is drawn in."""
    figures: dict[str, Figure | None] = {
        "equity": charts.equity(material),
        "drawdown": charts.underwater(material),
        "timeline": fold_charts.timeline(material),
        "calibration": forecast_charts.calibration(material),
        "reliability": forecast_charts.reliability(material),
        "histogram": forecast_charts.histogram(material),
        **importance,
        "attribution": explained.attribution_chart(material),
        "costs": charts.costs(material),
        "capacity": charts.capacity(material),
    }
    return {name: _json(figure) for name, figure in figures.items() if figure is not None}


def _content(material: Material, view: dict[str, Any]) -> dict[str, Any]:
    """Every number of the page for a program to read."""
    primary = material.metrics["primary"]
    costs = material.backtest.costs
    explanations = material.explanations
    return {
        **material.metrics,
        "curves": _records(material.backtest.curves),
        "fold_table": _records(material.folds.spans),
        "fold_intervals": _records(material.folds.intervals),
        "path_groups": _records(material.folds.paths),
        "costs": _records(costs[costs["model"] == primary]),
        "notable_trades": _records(notable_trades(material)),
        "explanations": None if explanations is None else {
            name: _records(getattr(explanations, name))
            for name in ("importances", "completeness", "attribution")
        },
        "not_explained": view["unexplained"] or view["not_told"],
        "quality": [vars(one) for one in material.quality],
        "rules": view["rules"],
        "config": material.config.model_dump(mode="json"),
        "experiment_config": dict(material.experiment),
        "lineage": view["lineage"],
        "mlflow": {"not_told": material.tracked.not_told, "runs": list(material.tracked.runs)},
        "inputs": dict(sorted(material.inputs.items())),
    }  # fmt: skip


def _records(frame: pd.DataFrame) -> Any:
    return json.loads(frame.to_json(orient="records", date_format="iso", double_precision=12))


def _json(content: Any) -> str:
    """JSON that may stand in a script element."""
    text = json.dumps(content, allow_nan=False, separators=(",", ":"))
    return text.replace("</", "<\\/")


def _configs(material: Material) -> dict[str, str]:
    """Both configs with every default filled in, as YAML."""
    return {
        "Backtest": yaml.safe_dump(material.config.model_dump(mode="json"), sort_keys=False),
        "Experiment": yaml.safe_dump(dict(material.experiment), sort_keys=False),
    }


def _lineage(material: Material) -> dict[str, str]:
    return {
        "fints_pipeline": version("fints_pipeline"),
        "Backtest code": f"version {material.code_version}",
        "Config and experiment": material.config_fingerprint,
        "Backtest config": fingerprint(material.config),
        "Strategy, as a trial": strategy_name(material),
        "Seed": str(material.config.seed),
        "Partitions read": count(len(material.inputs)),
    }
