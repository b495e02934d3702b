"""A backfill under a service in which something is killed, and what has to be true afterwards."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import dagster as dg

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.lake import content_digest
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.defs.settling import IN_PROGRESS, process_of
from fints_pipeline_tests.service.services import BACKFILL, STATUS, Service

ASSETS = ["bars", "features", "brooks_tokens"]
TABLES = ["bars", "features", "tokens"]
MONTHS = ["2024-07", "2024-08"]
SYMBOLS = ["EDGE", "WALKA"]
KEYS = [f"synthetic.{name}|{month}" for name in SYMBOLS for month in MONTHS]
SETTLED_SECONDS = 30.0


def prepare(service: Service) -> None:
    """Stage two months of the synthetic market, and let Dagster know the instruments."""
    make_market(service.home / "inbox" / "synthetic", 0, MONTHS[0], MONTHS[-1])
    make_by_command(service, "WALKB")


def make_by_command(service: Service, *symbols: str) -> None:
    """Make some symbols' months by the command line."""
    command = [sys.executable, "-m", "fints_pipeline.backfill", "--symbols", *symbols]
    done = subprocess.run(
        command, cwd=service.project, env=service.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def launch(service: Service) -> str:
    """Launch a backfill of two symbols × two months, as the page does."""
    launched = service.ask(
        BACKFILL, selection=[{"path": [name]} for name in ASSETS], partitions=KEYS
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    return str(launched["backfillId"])


def runs(service: Service, *statuses: dg.DagsterRunStatus) -> dict[str, int | None]:
    """Return the runs in some status, with their processes."""
    with dg.DagsterInstance.from_config(str(service.home / "dagster")) as instance:
        found = instance.get_runs(dg.RunsFilter(statuses=list(statuses)))
        return {run.run_id: process_of(instance, run.run_id) for run in found}


def started(service: Service) -> dict[str, int | None]:
    """Wait for runs to start."""
    return service.until(lambda: runs(service, dg.DagsterRunStatus.STARTED), "a run to start")


def kill(what: str, service: Service) -> list[str]:
    """kill −9 something while a backfill runs; return the runs that it was running."""
    killed = started(service)
    if what == "a run":
        run_id, pid = service.until(
            lambda: next((pair for pair in killed.items() if pair[1]), None), "its process"
        )
        os.kill(pid, signal.SIGKILL)
        return [run_id]
    if what == "the daemon":
        os.kill(service.until(lambda: daemon_of(service), "the daemon"), signal.SIGKILL)
        return []
    service.kill_everything()
    service.start()
    return list(killed)


def daemon_of(service: Service) -> int | None:
    """Return the daemon's process."""
    assert service.process is not None
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")
    for pid in children.read_text().split():
        if b"dagster._daemon" in Path(f"/proc/{pid}/cmdline").read_bytes():
            return int(pid)
    return None


def await_settling(service: Service, killed: list[str]) -> None:
    """Wait until none of some runs counts as running."""
    service.until(
        lambda: not set(killed) & set(runs(service, *IN_PROGRESS)),
        "the killed to be settled",
        SETTLED_SECONDS,
    )


def await_completion(service: Service, backfill: str) -> None:
    """Wait until a backfill has completed, without anybody's help."""

    def over() -> bool:
        found = service.ask(STATUS, id=backfill)["partitionBackfillOrError"]
        assert found["status"] not in ("FAILED", "COMPLETED_FAILED"), service.log(6000)
        return bool(found["status"] == "COMPLETED_SUCCESS")

    service.until(over, "the backfill to complete", 600)


def digests(lake: Lake) -> dict[str, str]:
    """Return the digest of each partition of the backfill's tables, held against its rows."""
    found = {}
    for table in TABLES:
        for key in lake.keys(table):
            footer = lake.footer(key)
            assert content_digest(lake.read(key), footer.extra) == footer.digest
            if any(str(key["instrument"]).endswith(name) for name in SYMBOLS):
                found[str(key)] = footer.digest
    return found


def assert_nothing_left(service: Service) -> None:
    """Assert that a stopped service left no file, run, slot or process unfinished."""
    assert list((service.home / "lake").rglob(".tmp-*")) == []
    assert runs(service, *IN_PROGRESS, dg.DagsterRunStatus.QUEUED) == {}
    with dg.DagsterInstance.from_config(str(service.home / "dagster")) as instance:
        storage = instance.event_log_storage
        for name in storage.get_concurrency_keys():
            slots = storage.get_concurrency_info(name)
            assert (slots.active_slot_count, slots.pending_step_count) == (0, 0), name
    assert service.processes() == []
