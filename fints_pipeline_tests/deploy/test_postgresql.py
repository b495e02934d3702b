"""Dagster and MLflow on PostgreSQL, by configs/deploy/dagster-postgres.yaml alone."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline.data.synthetic import make_market
from fints_pipeline_tests.servers.postgresql import PostgreSQL

pytestmark = pytest.mark.server
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
class Place:
    """Folders, databases and environment of an installation on PostgreSQL."""

    root: Path
    project: Path
    server: PostgreSQL
    dagster: str
    mlflow: str

    def environment(self, home: str = "dagster") -> dict[str, str]:
        """Return the environment of a process whose Dagster home has this name."""
        folder = self.root / home
        folder.mkdir(exist_ok=True)
        config = folder / "dagster.yaml"
        if not config.exists():
            config.symlink_to(self.project / "configs" / "deploy" / "dagster-postgres.yaml")
        return {
            **os.environ,
            "DAGSTER_HOME": str(folder),
            "FINTS_POSTGRES_URL": self.dagster,
            "MLFLOW_TRACKING_URI": self.mlflow,
            "FINTS_MLFLOW_ARTIFACTS": str(self.root / "artifacts"),
            "FINTS_LAKE": str(self.root / "lake"),
            "FINTS_INBOX": str(self.root / "inbox"),
            "FINTS_CONFIGS": str(self.root / "configs"),
        }

    def python(self, *arguments: str, home: str = "dagster") -> subprocess.Popen[str]:
        """Start Python."""
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=self.project,
            env=self.environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def execute(self, job: str, **partition: str) -> None:
        """Run a job as continuous integration does."""
        tags = {f"dagster/partition{'/' if name else ''}{name}": key
                for name, key in partition.items()}  # fmt: skip
        command = ["-m", "dagster", "job", "execute", "-m", "fints_pipeline.definitions"]
        run = self.python(*command, "-j", job, "--tags", json.dumps(tags))
        said = run.communicate()[0]
        assert run.returncode == 0, said[-4000:]


@pytest.fixture
def place(tmp_path: Path, project: Path, postgres: PostgreSQL) -> Place:
    """Return a place whose databases are empty."""
    return Place(tmp_path, project, postgres, postgres.database(), postgres.database())


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
