"""Training that starts by itself once a fold's data is complete; off until someone turns it on."""

import dagster as dg

from fints_pipeline.base.digest import text_digest
from fints_pipeline.defs.folds import complete_folds, fold_keys
from fints_pipeline.defs.jobs import FOLD_ASSETS, backtest, needed_assets, pretrain, train
from fints_pipeline.defs.partitions import EXPERIMENTS, FOLDS, fold_partition
from fints_pipeline.defs.resources import Project

PREDICTIONS = dg.AssetKey("predictions")


@dg.sensor(
    jobs=[pretrain, train, backtest],
    minimum_interval_seconds=60,
    description=(
        "Folds whose data is complete: pretrain, then train each; once all folds of an experiment "
        "have predictions, its backtest, where it has one. One step a tick, each asked for once."
    ),
)
def retraining_sensor(context: dg.SensorEvaluationContext, project: Project):
    """Request the next step of every complete fold, and backtests of complete experiments.

    An experiment without a file under configs/backtest is trained and not traded.

    A run that failed is not asked for again: its run key is used up. A person who has mended the
    cause launches it from its page.
    """
    found, waiting = complete_folds(project.locations)
    if not any(found.values()):
        return dg.SkipReason(
            "no experiment has a complete fold: " + str(waiting or "none is there")
        )
    done = {
        asset: set(context.instance.get_materialized_partitions(dg.AssetKey(asset)))
        for assets in FOLD_ASSETS.values()
        for asset in assets
    }
    requests = []
    for experiment, folds in found.items():
        keys = [fold_partition(experiment, fold.key) for fold in folds]
        steps = [step for key in keys if (step := _next_step(project, experiment, key, done))]
        requests += steps
        predicted = not steps and set(keys) <= done[PREDICTIONS.to_user_string()]
        if predicted and project.locations.has_backtest(experiment):
            requests.append(_backtest(experiment, keys))
    return dg.SensorResult(
        run_requests=requests,
        dynamic_partitions_requests=[
            EXPERIMENTS.build_add_request(sorted(found)),
            FOLDS.build_add_request(fold_keys(found)),
        ],
    )


def _next_step(
    project: Project, experiment: str, key: str, done: dict[str, set[str]]
) -> dg.RunRequest | None:
    config = _config(project, experiment)
    for job in FOLD_ASSETS:
        assets = needed_assets(job, config)
        if any(key not in done[name] for name in assets):
            return dg.RunRequest(
                run_key=f"{job}:{key}",
                job_name=job,
                partition_key=key,
                asset_selection=[dg.AssetKey(name) for name in assets],
            )
    return None


def _config(project: Project, experiment: str):
    from fints_pipeline.training.config import load_experiment

    return load_experiment(project.locations.train_config(experiment))


def _backtest(experiment: str, keys: list[str]) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"backtest:{experiment}:{text_digest(*keys)}",
        job_name=backtest.name,
        partition_key=experiment,
    )
