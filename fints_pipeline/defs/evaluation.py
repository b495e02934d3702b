"""Assets cut by experiment: the walk-forward backtest and its report."""

import json
from urllib.parse import quote

import dagster as dg

from fints_pipeline.base.lake import BundleKey
from fints_pipeline.defs.columns import TRADES, VERDICT
from fints_pipeline.defs.failures import explained
from fints_pipeline.defs.metadata import (
    bundle_metadata,
    data_version,
    numbers,
    rows_of,
    schema_of,
)
from fints_pipeline.defs.models import unused
from fints_pipeline.defs.partitions import EXPERIMENTS
from fints_pipeline.defs.resources import Project

_ALL = dg.AllPartitionMapping()


def report_page(experiment: str) -> str:
    """Return a report's address on the page that shows this asset.

    Without a host: whatever name a proxy or a tunnel gives the page, the link leads back to it.
    """
    return f"/reports/{quote(experiment, safe='')}"


@dg.asset(
    deps=[
        dg.AssetDep("predictions", partition_mapping=_ALL),
        dg.AssetDep("bars", partition_mapping=_ALL),
    ],
    partitions_def=EXPERIMENTS,
    group_name="evaluation",
    kinds={"numba"},
    owners=["team:research"],
    code_version="2",
)
@explained
def walk_forward_backtest(context: dg.AssetExecutionContext, project: Project):
    """Test spans traded in order: signals at the close, fills at the next open, with costs."""
    from fints_pipeline import backtest

    locations = project.locations
    config = backtest.load_backtest(locations.backtest_config(context.partition_key))
    result = backtest.run_backtest(locations, config)
    key = BundleKey.of("backtests", experiment=context.partition_key)
    trades = sum(model["trading"]["trades"] for model in result.summary["models"].values())
    shown = {"verdict": result.verdict.sentence, **numbers(result.metrics)}
    shown |= rows_of(trades, TRADES)
    return dg.MaterializeResult(
        metadata=bundle_metadata(result.manifest, project.lake.store.uri(key.folder), shown),
        data_version=data_version(result.manifest.digest, result.manifest.lineage),
    )


@dg.asset(
    deps=["walk_forward_backtest"],
    partitions_def=EXPERIMENTS,
    group_name="evaluation",
    kinds={"parquet", "pytorch"},
    owners=["team:research"],
    code_version="1",
)
@explained
def explanations(context: dg.AssetExecutionContext, project: Project):
    """What the models looked at, and which tokens pushed the trades that made and lost money."""
    from fints_pipeline.evaluation.explained import explanations_key
    from fints_pipeline.explain.config import load_explain
    from fints_pipeline.explain.run import run_explain
    from fints_pipeline.schemas.explanations import IMPORTANCES

    locations = project.locations
    if not locations.has_explain(context.partition_key):
        return unused("the experiment has no file under configs/explain")
    config = load_explain(locations.explain_config(context.partition_key))
    outcome = run_explain(locations, config)
    key = explanations_key(context.partition_key)
    checks = outcome.found.completeness["passed"]
    told = {"sums_checked": float(len(checks)), "sums_not_passed": float((~checks).sum())}
    shown = numbers(told) | rows_of(len(outcome.found.importances), schema_of(IMPORTANCES))
    return dg.MaterializeResult(
        metadata=bundle_metadata(outcome.manifest, project.lake.store.uri(key.folder), shown),
        data_version=data_version(outcome.manifest.digest, outcome.manifest.lineage),
    )


@dg.asset(
    deps=["walk_forward_backtest", "explanations"],
    partitions_def=EXPERIMENTS,
    group_name="evaluation",
    kinds={"html"},
    owners=["team:research"],
    code_version="1",
)
@explained
def backtest_report(context: dg.AssetExecutionContext, project: Project):
    """The experiment's report: one HTML page that opens without a network, Markdown and JSON."""
    from fints_pipeline import backtest

    locations = project.locations
    config = backtest.load_backtest(locations.backtest_config(context.partition_key))
    manifest = backtest.write_report(locations, config)
    key = BundleKey.of("reports", experiment=context.partition_key)
    folder = project.lake.open_bundle(key)
    verdict = json.loads((folder / "report.json").read_text(encoding="utf-8"))["verdict"]
    shown = {
        "verdict": verdict["sentence"],
        "report": dg.MetadataValue.url(report_page(context.partition_key)),
        "summary": dg.MetadataValue.md((folder / "report.md").read_text(encoding="utf-8")),
        **rows_of(len(verdict["legs"]), VERDICT),
    }
    return dg.MaterializeResult(
        metadata=bundle_metadata(manifest, project.lake.store.uri(key.folder), shown),
        data_version=data_version(manifest.digest, manifest.lineage),
    )
