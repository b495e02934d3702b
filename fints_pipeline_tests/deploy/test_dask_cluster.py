"""A range of months on a Dask cluster whose worker and whose scheduler are killed."""

import time
from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.defs.targets import range_tags
from fints_pipeline_tests.deploy.installation import Installation
from fints_pipeline_tests.deploy.test_dask import TABLES
from fints_pipeline_tests.servers.dask_cluster import DaskCluster, dask_cluster
from fints_pipeline_tests.servers.ray_head import processes_of

# What `make deploy` installs is there in the full run of the tests.
pytestmark = [pytest.mark.server, pytest.mark.slow]
FIRST, LAST = "2024-07", "2024-09"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory, project: Path) -> dict[str, dict[str, str]]:
    """Return the digests of every table of a range that was made in one process."""
    place = Installation(tmp_path_factory.mktemp("plain"), project)
    place.deliver(LAST)
    place.execute("ingest")
    run = place.start_tagged("data", range_tags("synthetic.EDGE", FIRST, LAST))
    said = run.communicate()[0]
    assert run.returncode == 0, said[-6000:]
    return {table: place.digests(table) for table in TABLES}


@pytest.fixture
def place(tmp_path: Path, project: Path) -> Installation:
    return Installation(
        tmp_path / "dask", project, {"FINTS_EXECUTORS": str(tmp_path / "executors.yaml")}
    )


@pytest.fixture
def cluster(tmp_path: Path, place: Installation) -> Iterator[DaskCluster]:
    """Return the cluster that the place's steps go to."""
    environment = {**place.environment(), "PYTHONPATH": str(place.project)}
    with dask_cluster(tmp_path / "cluster", environment) as running:
        file = tmp_path / "executors.yaml"
        file.write_text(f"default: {{kind: dask, address: '{running.address}'}}\n")
        place.deliver(LAST)
        place.execute("ingest")
        yield running
    assert processes_of(str(place.root)) == []


def materialised(place: Installation, run_id: str) -> set[tuple[str, str]]:
    """Return asset and month of a run's events."""
    with dg.DagsterInstance.from_config(str(place.root / "dagster")) as instance:
        logs = instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION)
    events = [log.get_dagster_event() for log in logs]
    return {(event.asset_key.to_user_string(), event.partition) for event in events}


def last_run(place: Installation) -> dg.DagsterRun:
    with dg.DagsterInstance.from_config(str(place.root / "dagster")) as instance:
        return instance.get_runs(limit=1)[0]


def test_a_range_survives_a_worker_and_says_when_the_scheduler_is_lost(
    place: Installation, cluster: DaskCluster, plain: dict[str, dict[str, str]]
) -> None:
    tags = range_tags("synthetic.EDGE", FIRST, LAST)
    lost = place.start_tagged("data", tags)
    with cluster.client() as client:
        while not any(client.processing().values()):
            assert lost.poll() is None
            time.sleep(0.1)
    cluster.kill_scheduler()
    said = lost.communicate(timeout=180)[0]
    assert lost.returncode == 1
    assert "the Dask scheduler was lost" in said
    assert last_run(place).status == dg.DagsterRunStatus.FAILURE
    cluster.stop()
    cluster.start(2)
    run = place.start_tagged("data", tags)
    cluster.kill_busy_worker()
    said = run.communicate()[0]
    assert run.returncode == 0, said[-6000:]
    for table in TABLES:
        assert place.digests(table) == plain[table], table
        assert len(plain[table]) >= 3
    months = {f"synthetic.EDGE|2024-{month:02d}" for month in (7, 8, 9)}
    assets = ("bars", "features", "labels", "brooks_tokens")
    wanted = {(asset, month) for asset in assets for month in months}
    assert wanted <= materialised(place, last_run(place).run_id)
    assert list((place.root / "lake").rglob(".tmp-*")) == []
