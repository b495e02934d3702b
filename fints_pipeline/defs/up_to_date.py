"""Asset checks that tell what of folds and experiments is out of date, without making anything."""

from collections.abc import Callable, Iterator

import dagster as dg

from fints_pipeline.base.lake.contents import Contents, Made
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.experiment_stages import ExperimentStages
from fints_pipeline.defs.failures import explained
from fints_pipeline.defs.fold_stages import FoldStages
from fints_pipeline.defs.folds import complete_folds
from fints_pipeline.defs.resources import Project

NAME = "up_to_date"
_SHOWN = 50

Stages = Callable[[Contents, Locations, object, list], Iterator[Made]]
"""Yields what is to be looked at of an experiment and its folds."""


def fold_tables(contents: Contents, locations: Locations, experiment, folds) -> Iterator[Made]:
    """Yield the fold table, if there is one."""
    table = ExperimentStages(contents, locations, experiment, folds).fold_table()
    if table.exists:
        yield table


def folds_begun(contents: Contents, locations: Locations, experiment, folds) -> Iterator[Made]:
    """Yield vocabulary, models and predictions of the folds that were begun."""
    for fold in folds:
        stages = FoldStages(contents, experiment, fold).all().values()
        if any(stage.exists for stage in stages):
            yield from stages


def backtests(contents: Contents, locations: Locations, experiment, folds) -> Iterator[Made]:
    """Yield the backtest, if there is one."""
    if locations.has_backtest(experiment.experiment):
        made = ExperimentStages(contents, locations, experiment, folds).backtest()
        if made is not None and made.exists:
            yield made


def reports(contents: Contents, locations: Locations, experiment, folds) -> Iterator[Made]:
    """Yield explanations and report, if there are some."""
    name = experiment.experiment
    stages = ExperimentStages(contents, locations, experiment, folds)
    if locations.has_backtest(name):
        made = [stages.explanations()] if locations.has_explain(name) else []
        yield from (one for one in (*made, stages.report()) if one.exists)


def _check(asset: str, stages: Stages, what: str) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=dg.AssetKey(asset),
        name=NAME,
        description=f"{what} would come out the same from the data and configs of now.",
    )
    @explained
    def up_to_date(project: Project) -> dg.AssetCheckResult:
        return evaluate(project.locations, stages)

    return up_to_date


def evaluate(locations: Locations, stages: Stages) -> dg.AssetCheckResult:
    """Look at every experiment that has complete folds.

    Raises:
        ConfigError: a config is wrong.
    """
    from fints_pipeline.training.config import load_experiment

    contents = Contents(locations.lake)
    made: list[Made] = []
    for name, folds in complete_folds(locations)[0].items():
        experiment = load_experiment(locations.train_config(name))
        made += stages(contents, locations, experiment, folds)
    stale = [one for one in made if not one.is_current]
    lines = ["| what | why |", "|---|---|"]
    lines += [f"| {one.name} | {'; '.join(one.reasons)} |" for one in stale[:_SHOWN]]
    return dg.AssetCheckResult(
        passed=not stale,
        severity=dg.AssetCheckSeverity.WARN,
        metadata={
            "evidence": dg.MetadataValue.md("\n".join(lines)),
            "looked_at": len(made),
            "out_of_date": len(stale),
        },
    )


CHECKS = [
    _check("walk_forward_folds", fold_tables, "Every experiment's fold table"),
    _check("predictions", folds_begun, "Vocabulary, models and predictions of every fold begun"),
    _check("walk_forward_backtest", backtests, "Every backtest"),
    _check("backtest_report", reports, "Every report, and the explanations that it shows,"),
]
