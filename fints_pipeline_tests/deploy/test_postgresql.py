"""Dagster and MLflow on PostgreSQL, by configs/deploy/dagster-postgres.yaml alone."""

import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import pytest

from fints_pipeline.defs.settling import settle
from fints_pipeline_tests.deploy.installation import Installation
from fints_pipeline_tests.servers.postgresql import PostgreSQL

# What `make deploy` and `make servers` install is there in the full run of the tests.
pytestmark = [pytest.mark.server, pytest.mark.slow]
FIRST_USE = """
from dagster._core.test_utils import create_run_for_test
from fints_pipeline.defs.home import opened_instance
with opened_instance() as instance:
    assert type(instance.run_storage).__name__ == "PostgresRunStorage"
    create_run_for_test(instance)
    instance.add_dynamic_partitions("letters", ["a"])
"""
FIRST_TRAINING = """
import mlflow
from fints_pipeline.training.tracking import MlflowTracker
from fints_pipeline_tests.training import toy
with MlflowTracker(mlflow).run(toy.experiment(), "2024-01-01", "mlm") as log:
    log.metrics({"train_loss": 1.0}, 1)
"""


@dataclass(frozen=True)
class Place(Installation):
    """An installation on PostgreSQL."""

    server: PostgreSQL = field(kw_only=True)

    @property
    def dagster(self) -> str:
        """Address of Dagster's database."""
        return self.variables["FINTS_POSTGRES_URL"]

    @property
    def mlflow(self) -> str:
        """Address of MLflow's database."""
        return self.variables["MLFLOW_TRACKING_URI"]


@pytest.fixture
def place(tmp_path: Path, project: Path, postgres: PostgreSQL) -> Place:
    """Return a place whose databases are empty."""
    variables = {
        "FINTS_POSTGRES_URL": postgres.database(),
        "MLFLOW_TRACKING_URI": postgres.database(),
        "FINTS_MLFLOW_ARTIFACTS": str(tmp_path / "artifacts"),
    }
    instance = "configs/deploy/dagster-postgres.yaml"
    return Place(tmp_path, project, variables, instance, server=postgres)


@pytest.mark.parametrize("homes", ["one home", "a home each"])
def test_eight_processes_may_come_first_at_once(place: Place, homes: str) -> None:
    names = [f"home{number if homes == 'a home each' else 0}" for number in range(8)]
    started = [place.python("-c", FIRST_USE, home=name) for name in names]
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0] * 8, "\n".join(said)[-4000:]
    assert place.server.ask(place.dagster, "SELECT count(*) FROM runs") == "8"
    assert place.server.ask(place.dagster, "SELECT count(*) FROM dynamic_partitions") == "1"
    versions = place.server.ask(place.dagster, "SELECT count(*) FROM alembic_version")
    assert versions == "1"


def test_eight_processes_may_train_first_at_once(place: Place) -> None:
    started = [place.python("-c", FIRST_TRAINING) for _ in range(8)]
    said = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0] * 8, "\n".join(said)[-4000:]
    ask = place.server.ask
    assert ask(place.mlflow, "SELECT count(*) FROM experiments WHERE name = 'toy'") == "1"
    assert ask(place.mlflow, "SELECT count(*) FROM metrics") == "8"
    parents = "SELECT count(DISTINCT value) FROM tags WHERE key = 'mlflow.parentRunId'"
    assert ask(place.mlflow, parents) == "1"
    assert ask(place.mlflow, "SELECT count(*) FROM runs") == "9"


def test_the_jobs_leave_their_records_in_the_database(place: Place) -> None:
    place.deliver()
    place.execute("ingest")
    for month in ("2024-07", "2024-08"):
        place.execute("data", instrument="synthetic.EDGE", month=month)
    place.execute("folds")
    ask = place.server.ask
    known = "SELECT partition FROM dynamic_partitions WHERE partitions_def_name = 'folds'"
    folds = ask(place.dagster, f"{known} AND partition LIKE 'tiny.%'").split()
    for job in ("pretrain", "train"):
        place.execute(job, all=folds[0])
    place.execute("backtest", all="tiny")
    assert ask(place.dagster, "SELECT count(*) FROM runs WHERE status = 'SUCCESS'") == "7"
    made = (
        "SELECT DISTINCT partition FROM event_logs WHERE asset_key = '[\"bars\"]' "
        "AND dagster_event_type = 'ASSET_MATERIALIZATION' ORDER BY partition"
    )
    months = ["synthetic.EDGE|2024-07", "synthetic.EDGE|2024-08"]
    assert ask(place.dagster, made).split() == months
    checks = "SELECT count(*) FROM asset_check_executions WHERE execution_status = 'SUCCEEDED'"
    assert int(ask(place.dagster, checks)) > 10
    models = "SELECT value FROM tags WHERE key = 'model' ORDER BY value"
    assert ask(place.mlflow, models).split() == ["classifier", "mlm", "patchtst"]
    assert list((place.root / "artifacts").rglob("*.safetensors"))
    assert not list((place.root / "dagster").rglob("*.db"))
    assert not (place.project / "mlruns").exists()


def test_a_killed_run_is_settled_on_its_own_machine_alone(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.deliver()
    place.execute("ingest")
    run = place.start("data", instrument="synthetic.EDGE", month="2024-07")
    noted = "SELECT value FROM run_tags WHERE key = 'fints/host'"
    until(lambda: len(place.server.ask(place.dagster, noted).split()) == 2)  # ingest's, and its
    run.send_signal(signal.SIGKILL)
    run.communicate()
    for name, value in place.environment().items():
        monkeypatch.setenv(name, value)
    with dg.DagsterInstance.from_config(str(place.root / "dagster")) as instance:
        assert settle(instance, time.time() + 1e6, launching=False, host="elsewhere") == []
        (settled,) = settle(instance, time.time(), launching=False)
        killed = instance.get_run_by_id(settled.run_id)
        assert killed is not None
        assert killed.status == dg.DagsterRunStatus.FAILURE
    place.execute("data", instrument="synthetic.EDGE", month="2024-07")
    assert "2024-07" in place.lake.months("tokens", "5m", "synthetic.EDGE")
    assert list((place.root / "lake").rglob(".tmp-*")) == []


def until(happened: Callable[[], bool], patience: float = 60) -> None:
    deadline = time.monotonic() + patience
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.2)
