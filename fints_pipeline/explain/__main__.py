"""Explain the models of an experiment's last backtest.

    python -m fints_pipeline.explain --config configs/explain/demo.yaml

reads test windows of every fold and writes `bundles/explanations/…`: importances by integrated
gradients, TreeSHAP and permutation, what pushed the trades that made and lost money, whether the
attributions sum to what they explain, and attention maps. The report shows them from then on. How
to read each, and where it misleads, is in docs/explain.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd
from rich.console import Console
from rich.table import Table

from fints_pipeline.base import cli
from fints_pipeline.base.locations import Locations, lake_location
from fints_pipeline.evaluation.explained import Explanations

SHOWN = 5
"""Rows of each method that are printed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    from fints_pipeline.explain.config import load_explain
    from fints_pipeline.explain.run import run_explain

    args = _parser().parse_args(argv)
    locations = replace(Locations.from_environment(), configs=args.config.resolve().parent.parent)
    if args.lake is not None:
        locations = replace(locations, lake_root=args.lake)
    outcome = run_explain(locations, load_explain(args.config))
    print_explanations(outcome.found, Console())
    return 0


def print_explanations(found: Explanations, console: Console) -> None:
    """Print the largest importances of each model, what drove its trades, and what failed."""
    whole = found.importances[found.importances["fold"] == "all"]
    for (model, method, group, unit), rows in whole.groupby(
        ["model", "method", "group", "unit"], sort=False
    ):
        note = " — diagnostic, no explanation" if method == "attention" else ""
        table = Table(title=f"{model}: {method} by {group} ({unit}){note}", title_justify="left")
        for name in (str(group), "value", "low", "high"):
            table.add_column(name)
        largest = rows.nlargest(SHOWN, "value")
        for row in largest[["name", "value", "low", "high"]].to_dict("records"):
            table.add_row(row["name"], *(f"{row[key]:.4g}" for key in ("value", "low", "high")))
        console.print(table)
    for model, rows in found.attribution.groupby("model", sort=False):
        console.print(_drivers(str(model), rows))
    failed = found.completeness[~found.completeness["passed"]]
    for row in failed.to_dict("records"):
        where = f"{row['method']} of {row['model']}, fold {row['fold']}, {row['input']}"
        console.print(f"not passed: {where}: {row['error']:.3g} > {row['tolerance']:.3g}")
    for model, reasons in found.not_told.items():
        for method, why in reasons.items():
            console.print(f"{model}: no {method}: {why}")


def _drivers(model: str, rows: pd.DataFrame) -> Table:
    table = Table(title=f"{model}: what pushed its trades", title_justify="left")
    columns = ("field", "value", "trades", "winners", "losers", "attributed", "band", "p_adjusted")
    for name in columns:
        table.add_column(name)
    ordered = rows.sort_values("attributed")
    ends = ordered.head(SHOWN).index.union(ordered.tail(SHOWN).index, sort=False)
    for row in ordered.loc[ends].to_dict("records"):
        counts = (str(row[name]) for name in columns[:5])
        band = f"{row['null_low']:.2f} … {row['null_high']:.2f}"
        table.add_row(*counts, f"{row['attributed']:.2f}", band, f"{row['p_adjusted']:.2f}")
    return table


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.explain",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--config", type=Path, required=True, help="YAML file under configs/explain/"
    )
    parser.add_argument(
        "--lake", type=lake_location, help="the lake (default: FINTS_LAKE or data_lake)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(cli.run(main))
