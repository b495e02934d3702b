"""MLflow on sqlite: one parent an experiment, nested runs, files beside the store."""

import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from fints_pipeline.training import parent_runs
from fints_pipeline.training.parent_runs import FINGERPRINT_TAG, parent_run_id
from fints_pipeline.training.tracking import MlflowTracker
from fints_pipeline_tests.disks import mount, small_disk
from fints_pipeline_tests.training import toy


@pytest.mark.filterwarnings("default")  # mlflow 3.17 warns of its own libraries
def test_runs_nest_under_the_experiments_parent_and_failures_show(
    mlflow: Any, tmp_path: Path
) -> None:
    experiment = toy.experiment()
    tracker = MlflowTracker(mlflow, tags={"dagster.run_id": "abc"})
    file = tmp_path / "files" / "a.txt"
    file.parent.mkdir()
    file.write_text("a")
    for fold in ("2024-01-01", "2024-01-02"):
        with tracker.run(experiment, fold, "mlm") as log:
            log.parameters({"fit": {"epochs": 3}, "none": None})
            log.metrics({"train_loss": 2.0}, 1)
            log.metrics({"train_loss": 1.0}, 2)
            log.artifacts(file.parent)
    client = mlflow.MlflowClient()
    run = client.get_run(log.run_id)
    assert run.data.tags["mlflow.parentRunId"] == parent_run_id(mlflow, experiment)
    assert run.data.tags["dagster.run_id"] == "abc"
    assert run.data.params == {"fit.epochs": "3"}
    assert run.data.metrics == {"train_loss": 1.0}
    assert [m.value for m in client.get_metric_history(log.run_id, "train_loss")] == [2.0, 1.0]
    assert run.info.status == "FINISHED"
    assert (tmp_path / "artifacts").is_dir()
    assert [f.path for f in client.list_artifacts(log.run_id)] == ["a.txt"]
    home = client.get_experiment_by_name("toy").experiment_id
    assert len(client.search_runs([home])) == 3
    parent_run_id(mlflow, toy.experiment(seed=1))
    assert len(client.search_runs([home])) == 4
    with (
        pytest.raises(ValueError, match="boom"),
        tracker.run(experiment, "2024-01-03", "mlm") as failed,
    ):
        raise ValueError("boom")
    assert client.get_run(failed.run_id).info.status == "FAILED"


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("step", ["create_experiment", "create_run"])
def test_who_comes_second_to_a_server_joins_the_first(
    mlflow: Any, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """A rival makes its own between our look and our making; servers have no lock against it."""
    monkeypatch.setattr(parent_runs, "one_at_a_time", lambda uri: nullcontext())
    honest = getattr(mlflow.MlflowClient, step)
    rivals: list[str] = []

    def late(self: Any, *arguments: Any, **options: Any) -> Any:
        monkeypatch.setattr(mlflow.MlflowClient, step, honest)
        rivals.append(parent_run_id(mlflow, toy.experiment()))
        return honest(self, *arguments, **options)

    monkeypatch.setattr(mlflow.MlflowClient, step, late)
    chosen = parent_run_id(mlflow, toy.experiment())
    client = mlflow.MlflowClient()
    home = client.get_experiment_by_name("toy").experiment_id
    runs = client.search_runs([home])
    known = [run for run in runs if run.data.tags[FINGERPRINT_TAG] == toy.experiment().fingerprint]
    assert [run.info.run_id for run in known] == [chosen] == [min(run.info.run_id for run in runs)]
    assert len(rivals) == 1
    assert rivals == [chosen] or step == "create_run"


_TRAIN = """
import sys
import mlflow
from fints_pipeline.base import cli
from fints_pipeline.training.tracking import MlflowTracker
from fints_pipeline_tests.disks import mount, small_disk
from fints_pipeline_tests.training import toy
def main(argv=None):
    with MlflowTracker(mlflow).run(toy.experiment(), "2024-01-01", "mlm") as log:
        for step in range(200):
            log.tags({f"filling{step}": "x" * 4000})
sys.exit(cli.run(main))
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("size", "options", "said"),
    [
        (100_000, "rw", "disk is full"),  # for the tables
        (1_800_000, "rw", "disk is full"),  # for what is logged
        (100_000, "ro", "Read-only file system"),
    ],
)
def test_a_store_that_takes_nothing_is_named(tmp_path: Path, size: int, options: str, said: str):
    with small_disk(tmp_path / "mlflow", size):
        mount("-o", f"remount,{options}", str(tmp_path / "mlflow"))
        done = subprocess.run(
            [sys.executable, "-c", _TRAIN],
            env={**os.environ, "MLFLOW_TRACKING_URI": f"sqlite:///{tmp_path}/mlflow/mlflow.db"},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 2, done.stderr
    what, where, fix = done.stderr.splitlines()[-3:]  # before it MLflow may have logged its own
    assert what.startswith("error: MLflow cannot keep the run: ")
    assert said in what
    assert "MLFLOW_TRACKING_URI" in where
    assert "has room" in fix
