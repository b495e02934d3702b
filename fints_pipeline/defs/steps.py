"""The next jobs to run for folds and experiments, and why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.lake.contents import Contents, Made
from fints_pipeline.base.locations import Locations
from fints_pipeline.defs.experiment_stages import ExperimentStages
from fints_pipeline.defs.fold_stages import VOCABULARY, FoldStages
from fints_pipeline.defs.jobs import needed_assets
from fints_pipeline.defs.partitions import fold_partition

if TYPE_CHECKING:
    from fints_pipeline.training.config import ExperimentConfig
    from fints_pipeline.walkforward.folds import Fold

BACKTEST = ("walk_forward_backtest", "backtest_report")
EXPLAIN = ("explanations", "backtest_report")


@dataclass(frozen=True)
class Step:
    """A job to run for a partition.

    Attributes:
        job: Its name.
        partition: Of a fold or an experiment.
        assets: Those of the job that there is a use for.
        reasons: What is missing or out of date, one line each.
        state: Names the configs and inputs that it would go by: the same state failed before.
        is_new: Whether nothing of the fold, or of the experiment's results, was ever made.
    """

    job: str
    partition: str
    assets: tuple[str, ...]
    reasons: tuple[str, ...]
    state: str
    is_new: bool = False

    @property
    def name(self) -> str:
        """Job and partition, for example ``train demo.2024-01-02``."""
        return f"{self.job} {self.partition}"


def due(
    contents: Contents, locations: Locations, name: str, folds: Sequence[Fold], *, new: bool
) -> list[Step]:
    """Return all that is to be done for an experiment's folds, or what follows once there is none.

    Args:
        contents: Of the lake.
        locations: Configs.
        name: The experiment.
        folds: Its complete folds, in time order.
        new: Whether folds that were never begun, and a first backtest, are to be done too.

    Raises:
        ConfigError: one of the experiment's configs is wrong.
    """
    from fints_pipeline.training.config import load_experiment

    experiment = load_experiment(locations.train_config(name))
    steps = [step for fold in folds for step in fold_steps(contents, experiment, fold)]
    wanted = [step for step in steps if new or not step.is_new]
    if wanted:
        return wanted
    steps = experiment_steps(contents, locations, experiment, folds)
    return [step for step in steps if new or not step.is_new]


def fold_steps(contents: Contents, experiment: ExperimentConfig, fold: Fold) -> list[Step]:
    """Return what is to be done for a fold, in order.

    What the first step will change is not in the second one yet: look again after it.
    """
    stages = FoldStages(contents, experiment, fold)
    made = stages.all()
    first = [stage for stage in made if stage in (VOCABULARY, *experiment.pretrained)]
    then = [stage for stage in made if stage not in first]
    is_new = not any(one.exists for one in made.values())
    partition = fold_partition(experiment.experiment, fold.key)
    steps = []
    for job, own, before in (("pretrain", first, []), ("train", then, first)):
        if reasons := _reasons(made[stage] for stage in own):
            assets = tuple(needed_assets(job, experiment))
            state = stages.state(own, before)
            steps.append(Step(job, partition, assets, reasons, state, is_new))
    return steps


def experiment_steps(
    contents: Contents, locations: Locations, experiment: ExperimentConfig, folds: Sequence[Fold]
) -> list[Step]:
    """Return the next thing to be done for an experiment whose folds are current, if any.

    Backtest and report come before explanations, which are made again where there are some; the
    report is made with either.

    Raises:
        ConfigError: the config of its backtest or of its explanations is wrong.
    """
    name = experiment.experiment
    if not locations.has_backtest(name):
        return []
    stages = ExperimentStages(contents, locations, experiment, folds)
    backtest, report = stages.backtest(), stages.report()
    if backtest is None:
        return []
    if not backtest.is_current:
        made = [backtest, report]
        return [_step("backtest", name, BACKTEST, made, is_new=not backtest.exists)]
    if locations.has_explain(name):
        explanations = stages.explanations()
        if explanations.exists and not explanations.is_current:
            return [_step("explain", name, EXPLAIN, [explanations, report])]
    if not report.is_current:
        return [_step("backtest", name, BACKTEST[1:], [report])]
    return []


def _step(
    job: str, partition: str, assets: tuple[str, ...], made: Sequence[Made], *, is_new: bool = False
) -> Step:
    state = text_digest(job, *assets, *(one.expected.digest for one in made[:1]))
    return Step(job, partition, assets, _reasons(made), state, is_new)


def _reasons(made: Iterator[Made] | Sequence[Made]) -> tuple[str, ...]:
    return tuple(f"{one.name}: {', '.join(one.reasons)}" for one in made if one.reasons)
