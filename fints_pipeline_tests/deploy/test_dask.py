"""Steps on the workers of a Dask cluster, by configs/deploy/executors-dask.yaml alone."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.defs.executors import Dask, Executors, InProcess
from fints_pipeline_tests.deploy.installation import Installation

TABLES = ("bars", "features", "labels", "tokens")
CLUSTER = """
import sys
from distributed import LocalCluster
if __name__ == "__main__":
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        print(cluster.scheduler_address, flush=True)
        sys.stdin.read()
"""


def test_without_a_file_steps_run_in_their_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FINTS_EXECUTORS", raising=False)
    assert Executors.from_environment() == Executors(default=InProcess(), training=InProcess())


def test_the_file_of_the_page_is_read(monkeypatch: pytest.MonkeyPatch, project: Path) -> None:
    path = project / "configs" / "deploy" / "executors-dask.yaml"
    monkeypatch.setenv("FINTS_EXECUTORS", str(path))
    assert Executors.from_environment().default == Dask(kind="dask", workers=2)


@contextmanager
def cluster(place: Installation) -> Iterator[str]:
    """Yield the address of a scheduler with two workers, which have the place's variables."""
    process = subprocess.Popen(
        [sys.executable, "-c", CLUSTER],
        cwd=place.project,
        env=place.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.communicate()


def installation(folder: Path, project: Path, executors: Path | None = None) -> Installation:
    variables = {"FINTS_EXECUTORS": str(executors)} if executors else {}
    made = Installation(folder, project, variables)
    made.deliver()
    made.execute("ingest")
    return made


@pytest.mark.slow
@pytest.mark.server
def test_runs_at_once_on_one_cluster_make_what_one_process_makes(
    tmp_path: Path, project: Path
) -> None:
    names = ("EDGE", "WALKA")
    plain = installation(tmp_path / "plain", project)
    for name in names:
        plain.execute("data", instrument=f"synthetic.{name}", month="2024-07")
    file = tmp_path / "executors.yaml"
    dask = Installation(tmp_path / "dask", project, {"FINTS_EXECUTORS": str(file)})
    with cluster(dask) as address:
        file.write_text(f"default: {{kind: dask, address: '{address}'}}\n")
        dask.deliver()
        dask.execute("ingest")
        runs = [
            dask.start("data", instrument=f"synthetic.{name}", month="2024-07") for name in names
        ]
        said = [run.communicate()[0] for run in runs]
        assert [run.returncode for run in runs] == [0, 0], "\n".join(said)[-6000:]
        elsewhere = Installation(tmp_path / "other", project, {"FINTS_EXECUTORS": str(file)})
        refused = elsewhere.start("ingest")
        assert "a Dask worker has FINTS_LAKE=" in refused.communicate()[0]
        assert refused.returncode == 1
    for table in TABLES:
        assert dask.digests(table) == plain.digests(table), table
        assert len(plain.digests(table)) >= len(names)


@pytest.mark.slow
@pytest.mark.server
def test_a_run_starts_a_cluster_of_its_own_and_stops_at_a_failed_step(
    tmp_path: Path, project: Path
) -> None:
    file = project / "configs" / "deploy" / "executors-dask.yaml"
    dask = installation(tmp_path / "dask", project, file)
    dask.execute("data", instrument="synthetic.EDGE", month="2024-07")
    assert dask.digests("tokens")
    config = tmp_path / "dask" / "configs" / "data" / "synthetic.yaml"
    config.write_text("{")
    failed = dask.start("data", instrument="synthetic.WALKA", month="2024-07")
    said = failed.communicate()[0]
    assert failed.returncode == 1
    assert "not valid YAML" in said
    home = str(tmp_path / "dask" / "dagster")
    with dg.DagsterInstance.from_config(home) as instance:
        run = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))[0]
        steps = {one.step_key: one.status.value for one in instance.get_run_step_stats(run.run_id)}
    assert steps == {"bars": "FAILURE"}
