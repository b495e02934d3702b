"""Training that starts by itself once a fold's data is complete; off until someone turns it on."""

import dagster as dg
from dagster._core.storage.dagster_run import NOT_FINISHED_STATUSES
from dagster._core.storage.tags import PARTITION_NAME_TAG

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake.contents import Contents
from fints_pipeline.defs.asked import Asked
from fints_pipeline.defs.folds import complete_folds, fold_keys
from fints_pipeline.defs.jobs import backtest, explain, pretrain, train
from fints_pipeline.defs.partitions import EXPERIMENTS, FOLDS
from fints_pipeline.defs.resources import Project
from fints_pipeline.defs.steps import Step, due
from fints_pipeline.defs.targets import ONLY_TAG, STALE

CAUSE_TAG = "fints/cause"
"""What was missing or out of date when a sensor asked for a run."""
_MOST_SAID = 500


@dg.sensor(
    jobs=[pretrain, train, backtest, explain],
    minimum_interval_seconds=60,
    description=(
        "Folds whose data is complete: pretrain, then train what is missing or out of date; once "
        "all folds of an experiment are current, its backtest, where it has one. One step a tick, "
        "each asked for once in the same state of data and configs."
    ),
)
def retraining_sensor(context: dg.SensorEvaluationContext, project: Project):
    """Request the next step of every complete fold, and backtests of complete experiments.

    An experiment without a file under configs/backtest is trained and not traded. Explanations are
    made again where there are some.

    A run that failed is not asked for again before something changes that it would go by. A person
    who has mended another cause launches it from its page.
    """
    locations = project.locations
    found, waiting = complete_folds(locations)
    if not any(found.values()):
        return dg.SkipReason(
            "no experiment has a complete fold: " + str(waiting or "none is there")
        )
    contents, asked = Contents(locations.lake), Asked(context.cursor)
    steps: list[Step] = []
    for experiment, folds in found.items():
        try:
            steps += due(contents, locations, experiment, folds, new=True)
        except UserError as error:  # what is wrong with one experiment stops no other
            context.log.error(f"{experiment}: {error}")
    asked.settle(steps)
    requests = []
    for step in _first_of_each(steps):
        if not _is_running(context.instance, step) and (key := asked.run_key(step)):
            requests.append(request(step, key))
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[
            EXPERIMENTS.build_add_request(sorted(found)),
            FOLDS.build_add_request(fold_keys(found)),
        ],
        cursor=asked.cursor,
    )


def _first_of_each(steps: list[Step]) -> list[Step]:
    """Return the first step of each partition."""
    first: dict[str, Step] = {}
    for step in steps:
        first.setdefault(step.partition, step)
    return list(first.values())


def _is_running(instance: dg.DagsterInstance, step: Step) -> bool:
    """Return whether a run of the step's partition has not ended: what is missing may be made."""
    unfinished = dg.RunsFilter(
        tags={PARTITION_NAME_TAG: step.partition}, statuses=NOT_FINISHED_STATUSES
    )
    return bool(instance.get_run_records(unfinished, limit=1))


def request(step: Step, key: str | None = None) -> dg.RunRequest:
    """Return the request for a step, under a run key."""
    return dg.RunRequest(
        run_key=key,
        job_name=step.job,
        partition_key=step.partition,
        asset_selection=[dg.AssetKey(name) for name in step.assets],
        tags={ONLY_TAG: STALE, CAUSE_TAG: "; ".join(step.reasons)[:_MOST_SAID]},
    )
