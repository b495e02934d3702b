"""Schedules, off until someone turns them on."""

import dagster as dg

from fints_pipeline.base.time import month_of, previous_month
from fints_pipeline.defs.jobs import data
from fints_pipeline.defs.partitions import INSTRUMENTS, registered, series_partition


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
        return dg.SkipReason("no instrument yet: drop archives into the inbox and run `ingest`")
    return [
        dg.RunRequest(
            run_key=f"{instrument}|{month}",
            partition_key=series_partition(instrument, month),
            tags={"fints/instrument": instrument},
        )
        for instrument in instruments
    ]
