"""The Dagster code location: ``dagster dev -m fints_pipeline.definitions``."""

import dagster as dg

from fints_pipeline.base.locations import Locations
from fints_pipeline.defs import (
    alarm,
    archives,
    evaluation,
    exogenous,
    folds,
    jobs,
    news,
    retraining,
    schedules,
    sensors,
    series,
    training,
    up_to_date,
)
from fints_pipeline.defs.resources import resources


def build(locations: Locations) -> dg.Definitions:
    """Return assets, jobs, schedules and sensors over the given folders."""
    return dg.Definitions(
        assets=[
            archives.raw_slices,
            exogenous.raw_exogenous,
            news.raw_news,
            *dg.load_assets_from_modules(
                [archives, exogenous, news, series, folds, training, evaluation]
            ),
        ],
        asset_checks=up_to_date.CHECKS,
        jobs=[
            jobs.ingest,
            jobs.exogenous,
            jobs.news,
            jobs.data,
            jobs.folds,
            jobs.pretrain,
            jobs.train,
            jobs.backtest,
            jobs.explain,
            jobs.up_to_date,
        ],
        schedules=[schedules.last_month, schedules.every_session],
        sensors=[
            sensors.inbox_sensor,
            sensors.fold_sensor,
            retraining.retraining_sensor,
            alarm.failure_alarm,
        ],
        resources=resources(locations),
        executor=jobs.default_executor,
    )


defs = build(Locations.from_environment())
