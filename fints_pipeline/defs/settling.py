"""Settles runs whose process is gone, which Dagster leaves started for ever."""

import os
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
from dagster._core.events import DagsterEventType, JobFailureData, RunFailureReason
from dagster._core.launcher import DefaultRunLauncher
from dagster._core.storage.tags import MAX_RETRIES_TAG

from fints_pipeline.defs.executors import stop_elsewhere
from fints_pipeline.defs.hosts import here, host_of, is_shared

IN_PROGRESS = (
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
)
LAUNCH_SECONDS = 120.0
"""A run that has been starting for longer than this without a process never will."""
_CLOCK_SLACK_SECONDS = 2.0


@dataclass(frozen=True)
class Settled:
    """A run that was ended because nothing executes it any more.

    Attributes:
        run_id: The run.
        why: What was found, as one sentence.
    """

    run_id: str
    why: str


def settle(
    instance: dg.DagsterInstance, now: float, *, launching: bool = True, host: str | None = None
) -> list[Settled]:
    """End the runs whose process on this machine is gone, and free their pool slots.

    A run that was started is reported as failed, which lets a retry policy take it up; one that was
    being cancelled is reported as cancelled. Where machines share a database, each settles its own.
    Does nothing for instances that launch runs elsewhere (a cluster): their launchers know better.

    Args:
        instance: Where runs are recorded.
        now: Seconds since the epoch.
        launching: Whether something may be launching runs right now; if not, a run that is starting
            without a process is settled at once.
        host: The machine whose runs to settle; this one unless given.
    """
    if not isinstance(instance.run_launcher, DefaultRunLauncher):
        return []
    settled = []
    patience = LAUNCH_SECONDS if launching or is_shared(instance) else 0.0
    for record in instance.get_run_records(dg.RunsFilter(statuses=list(IN_PROGRESS))):
        age = now - record.update_timestamp.timestamp()
        if host_of(record.dagster_run) not in (None, host or here()):
            continue
        if why := _cause_of_death(instance, record.dagster_run, age, patience):
            why += stop_elsewhere(record.dagster_run.run_id)  # first: a retry may follow at once
            _end(instance, record.dagster_run, why)
            settled.append(Settled(record.dagster_run.run_id, why))
    return settled


def _cause_of_death(
    instance: dg.DagsterInstance, run: dg.DagsterRun, age: float, patience: float
) -> str | None:
    known = _seen(instance, run.run_id)
    if known and host_of(run) is None and is_shared(instance):
        # Which machine's number that is, is written down with its first step.
        return "It never came to its first step." if age >= patience else None
    if not known:
        return "It was never started: what launched it has ended." if age >= patience else None
    pid, seen = known[-1]
    return (
        None
        if is_alive(pid, seen)
        else f"Its process {pid} is gone: killed, or the host went down."
    )


def process_of(instance: dg.DagsterInstance, run_id: str) -> int | None:
    """Return the process that a run was last seen in, if it has started."""
    known = _seen(instance, run_id)
    return known[-1][0] if known else None


def _seen(instance: dg.DagsterInstance, run_id: str) -> list[tuple[int, float]]:
    events = instance.all_logs(run_id, of_type=DagsterEventType.ENGINE_EVENT)
    return [(pid, event.timestamp) for event in events if (pid := _pid(event)) is not None]


def _pid(event: dg.EventLogEntry) -> int | None:
    metadata = event.get_dagster_event().engine_event_data.metadata
    value = getattr(metadata.get("pid"), "value", None)
    return int(value) if value is not None and str(value).isdigit() else None


def is_alive(pid: int, seen: float) -> bool:
    """Return whether a process that ran at ``seen`` (seconds since the epoch) still does.

    A process of that number that started later is another one; a zombie has ended.
    """
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it exists and is somebody else's
    stat = Path(f"/proc/{pid}/stat")
    if not stat.is_file():
        return True  # no procfs: the number is all there is to go by
    state, *numbers = stat.read_text().rpartition(")")[2].split()
    started = _boot_time() + int(numbers[18]) / os.sysconf("SC_CLK_TCK")
    return state not in "ZX" and started <= seen + _CLOCK_SLACK_SECONDS


def _boot_time() -> float:
    lines = Path("/proc/stat").read_text().splitlines()
    return float(next(line.split()[1] for line in lines if line.startswith("btime")))


def _end(instance: dg.DagsterInstance, run: dg.DagsterRun, why: str) -> None:
    if run.status == dg.DagsterRunStatus.CANCELING:
        instance.report_run_canceled(run, message=why)
    else:
        if run.remote_job_origin is None:  # run by hand: nothing could launch it again
            instance.add_run_tags(run.run_id, {MAX_RETRIES_TAG: "0"})
        reason = JobFailureData(error=None, failure_reason=RunFailureReason.UNEXPECTED_TERMINATION)
        instance.report_run_failed(run, why, reason)
    instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
