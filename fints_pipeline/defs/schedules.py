"""Schedules, off until someone turns them on."""

from collections.abc import Collection, Iterable, MutableMapping
from datetime import date, timedelta
from functools import cache, partial

import dagster as dg

from fints_pipeline.base.config import load_config
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.time import month_of, previous_month
from fints_pipeline.defs.cadence import has_partition
from fints_pipeline.defs.jobs import data
from fints_pipeline.defs.partitions import INSTRUMENTS, registered
from fints_pipeline.defs.reconcile import outdated
from fints_pipeline.defs.resources import Project
from fints_pipeline.defs.targets import ONLY_TAG, STALE, range_tags

_NOTHING_YET = "no instrument yet: drop archives into the inbox and run `ingest`"


@dg.schedule(
    job=data,
    cron_schedule="0 6 1 * *",
    execution_timezone="UTC",
    description="On the first of a month at 06:00 UTC: make last month of every instrument.",
)
def last_month(context: dg.ScheduleEvaluationContext, project: Project):
    """Request one run an instrument whose month before the tick is not made or out of date."""
    month = previous_month(month_of(context.scheduled_execution_time.date()))
    instruments = registered(context.instance, INSTRUMENTS)
    if not instruments:
        return dg.SkipReason(_NOTHING_YET)
    return _requests(project.locations, instruments, month, month)


@dg.schedule(
    job=data,
    cron_schedule="0 6 * * *",
    execution_timezone="UTC",
    description=(
        "Every day at 06:00 UTC: make the running month of each instrument whose market had a "
        "session the day before; holidays and weekends are left out market by market."
    ),
)
def every_session(context: dg.ScheduleEvaluationContext, project: Project):
    """Request one run an instrument that traded on the day before the tick, if there is work."""
    day = context.scheduled_execution_time.date() - timedelta(days=1)
    instruments = registered(context.instance, INSTRUMENTS)
    if not instruments:
        return dg.SkipReason(_NOTHING_YET)
    refused: dict[str, str] = {}
    traded = open_on(project.locations, instruments, day, refused)
    for name, why in refused.items():
        context.log.error(f"{name} is passed over: {why}")
    if not traded:
        return dg.SkipReason(f"no market of {', '.join(instruments)} had a session on {day}")
    return _requests(project.locations, traded, month_of(day), str(day))


def open_on(
    locations: Locations,
    instruments: Iterable[str],
    day: date,
    refused: MutableMapping[str, str] | None = None,
) -> list[str]:
    """Return the instruments whose market had a session on a day.

    Args:
        locations: Configs.
        instruments: Which to ask for.
        day: The day.
        refused: Gets the message of each whose config is missing or wrong; without it that raises.
    """
    from fints_pipeline.data.config import DatasetConfig

    config = cache(partial(load_config, model=DatasetConfig, section="dataset"))
    is_open = cache(lambda calendar: not calendar.sessions(day, day).empty)
    found = []
    for name in instruments:
        try:
            own = config(locations.dataset_config(name))
            if is_open(own.calendar_of(own.symbol(name))):
                found.append(name)
        except UserError as error:
            if refused is None:
                raise
            refused[name] = str(error)
    return found


def _requests(locations: Locations, instruments: Collection[str], month: str, tick: str):
    """Return a run of each instrument with something to make of a month, or why there is none.

    The month before it belongs to it: its last labels wait for this one's first bars. Months
    without an archive have nothing to make.
    """
    before = previous_month(month)
    stale = outdated(locations, instruments, refused={})  # the inbox sensor tells of those
    due = sorted({item.instrument for item in stale if before <= item.month <= month})
    if not due:
        return dg.SkipReason(
            f"{month} is made of each of {len(instruments)} instruments that had a session, or no "
            "archive of it has been staged"
        )
    first = before if has_partition(before) else month
    return [
        dg.RunRequest(
            run_key=f"{name}|{tick}",
            tags=range_tags(name, first, month) | {ONLY_TAG: STALE},
        )
        for name in due
    ]
