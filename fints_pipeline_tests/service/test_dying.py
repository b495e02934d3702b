import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline.data.synthetic import make_market
from fints_pipeline.defs.settling import IN_PROGRESS
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


@pytest.mark.slow
@pytest.mark.server
def test_a_backfill_completes_by_itself_after_everything_was_killed(service: Service) -> None:
    service.start()
    launched = service.ask(
        BACKFILL, selection=[{"path": [name]} for name in ASSETS], partitions=KEYS
    )["launchPartitionBackfill"]
    assert launched["__typename"] == "LaunchBackfillSuccess", launched
    home = str(service.home / "dagster")

    def running() -> list[str]:
        with dg.DagsterInstance.from_config(home) as instance:
            runs = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
        return [run.run_id for run in runs]

    killed = service.until(running, "a run of the backfill to start")
    service.kill_everything()
    service.start()
    restarted = time.monotonic()

    with dg.DagsterInstance.from_config(home) as instance:
        left = [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=list(IN_PROGRESS)))]
        assert not set(left) & set(killed), "the runs that were killed are settled at the restart"
    assert time.monotonic() - restarted < 30

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
    leftovers = list((service.home / "lake").rglob(".tmp-*"))
    assert leftovers == []


@pytest.mark.slow
@pytest.mark.server
def test_the_daemon_is_started_again_when_it_is_killed(service: Service) -> None:
    service.start()
    assert service.process is not None
    children = Path(f"/proc/{service.process.pid}/task/{service.process.pid}/children")

    def daemon() -> int | None:
        for pid in children.read_text().split():
            if b"dagster._daemon" in Path(f"/proc/{pid}/cmdline").read_bytes():
                return int(pid)
        return None

    before = service.until(daemon, "the daemon")
    subprocess.run(["kill", "-9", str(before)], check=True)
    service.until(lambda: (daemon() or before) != before, "another daemon", 60)


@pytest.mark.slow
@pytest.mark.server
def test_a_second_service_on_the_same_home_is_refused(service: Service) -> None:
    service.start()
    command = [sys.executable, "-m", "fints_pipeline.service", "--port", "0"]
    second = subprocess.run(
        command, cwd=service.project, env=service.environment, capture_output=True, text=True
    )
    assert second.returncode == 2
    assert f"already, as process {service.process.pid}" in second.stderr
