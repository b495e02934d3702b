"""Sensors, off until someone turns them on."""

import dagster as dg

from fints_pipeline.defs.folds import complete_folds, fold_keys
from fints_pipeline.defs.jobs import backtest, data, ingest, pretrain
from fints_pipeline.defs.partitions import (
    EXPERIMENTS,
    FOLDS,
    INSTRUMENTS,
    series_partition,
)
from fints_pipeline.defs.reconcile import instruments, outdated
from fints_pipeline.defs.resources import Project


@dg.sensor(
    jobs=[ingest, data],
    minimum_interval_seconds=30,
    description="New files in the inbox: stage them, then make the months that they touch.",
)
def inbox_sensor(context: dg.SensorEvaluationContext, project: Project):
    """Request `ingest` when the inbox changed, and `data` for every missing or stale month.

    The cursor is the inbox's fingerprint. A month is asked for once for each cause.
    """
    from fints_pipeline.data import inbox

    locations = project.locations
    if not locations.inbox.is_dir():
        return dg.SkipReason(
            f"there is no inbox yet: make {locations.inbox} and drop archives there"
        )
    requests = []
    fingerprint = inbox.fingerprint(locations.inbox)
    if fingerprint != context.cursor:
        requests.append(dg.RunRequest(run_key=f"ingest:{fingerprint}", job_name=ingest.name))
    known = instruments(locations.lake)
    requests += [_data_request(item) for item in outdated(locations)]
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[INSTRUMENTS.build_add_request(known)] if known else [],
        cursor=fingerprint,
    )


@dg.sensor(
    jobs=[pretrain, backtest],
    minimum_interval_seconds=60,
    description="Experiments under configs/train: add the folds whose test span is complete.",
)
def fold_sensor(context: dg.SensorEvaluationContext, project: Project):
    """Add partitions for experiments and their complete folds; runs are left to the user."""
    found, _ = complete_folds(project.locations)
    return dg.SensorResult(
        dynamic_partitions_requests=[
            EXPERIMENTS.build_add_request(sorted(found)),
            FOLDS.build_add_request(fold_keys(found)),
        ]
    )


def _data_request(item) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"data:{item.instrument}|{item.month}:{item.fingerprint}",
        job_name=data.name,
        partition_key=series_partition(item.instrument, item.month),
        asset_selection=[dg.AssetKey(name) for name in item.assets],
        tags={"fints/instrument": item.instrument},
    )
