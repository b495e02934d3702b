import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.lake import content_digest
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.defs.settling import IN_PROGRESS, process_of
from fints_pipeline_tests.service.services import BACKFILL, STATUS, Service

ASSETS = ["bars", "features", "brooks_tokens"]
MONTHS = ["2024-07", "2024-08"]
KEYS = [f"synthetic.{name}|{month}" for name in ("EDGE", "WALKA") for month in MONTHS]


@pytest.fixture
def service(tmp_path: Path, project: Path) -> Iterator[Service]:
    """Return a service over two months of the synthetic market, staged."""
    made = Service(tmp_path, project)
    make_market(tmp_path / "inbox" / "synthetic", 0, MONTHS[0], MONTHS[-1])
    backfill(made, "--symbols", "WALKB")  # stages the inbox, and knows the instruments
    yield made
    made.stop()


def backfill(service: Service, *arguments: str) -> None:
    command = [sys.executable, "-m", "fints_pipeline.backfill", *arguments]
    done = subprocess.run(
        command, cwd=service.project, env=service.environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def runs(service: Service, *statuses: dg.DagsterRunStatus) -> dict[str, int | None]:
    """Return the runs in some status, with their processes."""
    with dg.DagsterInstance.from_config(str(service.home / "dagster")) as instance:
        found = instance.get_runs(dg.RunsFilter(statuses=list(statuses)))
        return {run.run_id: process_of(instance, run.run_id) for run in found}


def kill(what: str, service: Service) -> list[str]:
    """kill −9 something while a backfill runs; return the runs that it was running."""
    killed = service.until(lambda: runs(service, dg.DagsterRunStatus.STARTED), "a run to start")
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


@pytest.mark.slow
@pytest.mark.server
@pytest.mark.parametrize("what", ["a run", "the daemon", "everything"])
def test_a_backfill_completes_by_itself_after_a_kill(service: Service, what: str) -> None:
    service.start()
    launched = service.ask(
        BACKFILL, selection=[{"path": [name]} for name in ASSETS], partitions=KEYS
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    killed = kill(what, service)
    service.until(
        lambda: not set(killed) & set(runs(service, *IN_PROGRESS)), "the killed to be settled", 30
    )

    def over() -> bool:
        found = service.ask(STATUS, id=launched["backfillId"])["partitionBackfillOrError"]
        assert found["status"] not in ("FAILED", "COMPLETED_FAILED"), service.log(6000)
        return found["status"] == "COMPLETED_SUCCESS"

    service.until(over, "the backfill to complete", 600)
    service.stop()
    lake = Lake(service.home / "lake")
    for key in KEYS:
        instrument, month = key.split("|")
        assert month in lake.months("tokens", "5m", instrument)
    for table in ("bars", "features", "tokens"):
        for key in lake.keys(table):
            assert content_digest(lake.read(key), lake.footer(key).extra) == lake.footer(key).digest
    assert list((service.home / "lake").rglob(".tmp-*")) == []


@pytest.mark.slow
@pytest.mark.server
def test_the_daemon_is_started_again_when_it_is_killed(service: Service) -> None:
    service.start()
    before = service.until(lambda: daemon_of(service), "the daemon")
    subprocess.run(["kill", "-9", str(before)], check=True)
    service.until(lambda: (daemon_of(service) or before) != before, "another daemon", 60)


@pytest.mark.slow
@pytest.mark.server
def test_a_second_service_on_the_same_home_is_refused(service: Service) -> None:
    service.start()
    command = [sys.executable, "-m", "fints_pipeline.service", "--port", str(service.port)]
    second = subprocess.run(
        command, cwd=service.project, env=service.environment, capture_output=True, text=True
    )
    assert second.returncode == 2
    assert f"already, as process {service.process.pid}" in second.stderr
