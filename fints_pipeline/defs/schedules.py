"""Schedules, off until someone turns them on."""

from datetime import date, timedelta

import dagster as dg

from fints_pipeline.base.config import load_config
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.time import month_of, previous_month
from fints_pipeline.defs.jobs import data
from fints_pipeline.defs.partitions import INSTRUMENTS, registered, series_partition
from fints_pipeline.defs.resources import Project

_NOTHING_YET = "no instrument yet: drop archives into the inbox and run `ingest`"


@dg.schedule(
    job=data,
    cron_schedule="0 6 1 * *",
    execution_timezone="UTC",
    description="On the first of a month at 06:00 UTC: materialise last month of every instrument.",
)
def last_month(context: dg.ScheduleEvaluationContext):
    """Request one run an instrument for the month before the tick."""
    month = previous_month(month_of(context.scheduled_execution_time.date()))
    instruments = registered(context.instance, INSTRUMENTS)
    if not instruments:
        return dg.SkipReason(_NOTHING_YET)
    return [_request(instrument, month, month) for instrument in instruments]


@dg.schedule(
    job=data,
    cron_schedule="0 6 * * *",
    execution_timezone="UTC",
    description=(
        "Every day at 06:00 UTC: materialise the running month of each instrument whose market had "
        "a session the day before; holidays and weekends are left out market by market."
    ),
)
def every_session(context: dg.ScheduleEvaluationContext, project: Project):
    """Request one run an instrument that traded on the day before the tick."""
    day = context.scheduled_execution_time.date() - timedelta(days=1)
    instruments = registered(context.instance, INSTRUMENTS)
    if not instruments:
        return dg.SkipReason(_NOTHING_YET)
    traded = [name for name in instruments if _has_session(project.locations, name, day)]
    if not traded:
        return dg.SkipReason(f"no market of {', '.join(instruments)} had a session on {day}")
    return [_request(name, month_of(day), str(day)) for name in traded]


def _has_session(locations: Locations, instrument: str, day: date) -> bool:
    from fints_pipeline.data.config import DatasetConfig

    config = load_config(locations.dataset_config(instrument), DatasetConfig, section="dataset")
    calendar = config.calendar_of(config.symbol(instrument))
    return not calendar.sessions(day, day).empty


def _request(instrument: str, month: str, tick: str) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=f"{instrument}|{tick}",
        partition_key=series_partition(instrument, month),
        tags={"fints/instrument": instrument},
    )
