"""What configs/deploy/executors-ray.yaml says to the jobs; test_ray_cluster.py has a cluster."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.defs import executors
from fints_pipeline.defs.executors import Executors, InProcess, Ray
from fints_pipeline_tests.servers.ports import free_port

# What `make deploy` installs is there in the full run of the tests.
pytestmark = [pytest.mark.server, pytest.mark.slow]


@pytest.fixture
def configured(project: Path, monkeypatch: pytest.MonkeyPatch) -> Executors:
    path = project / "configs" / "deploy" / "executors-ray.yaml"
    monkeypatch.setenv("FINTS_EXECUTORS", str(path))
    return Executors.from_environment()


def test_training_alone_goes_to_the_cluster(configured: Executors) -> None:
    assert configured.default == InProcess()
    assert configured.training == Ray(kind="ray", address="http://127.0.0.1:8265")
    assert executors.definition(configured.training).name == "ray"


def test_steps_get_where_to_read_and_write(
    configured: Executors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/home/of/dagster")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://store")
    monkeypatch.setenv("OTHER", "x")
    wanted = configured.training.model_copy(update={"environment": ("AWS_ENDPOINT_URL", "ABSENT")})
    from fints_pipeline.defs.ray_jobs import handed

    assert configured.training.cpus == 1
    found = handed(wanted.environment)
    names = {"DAGSTER_HOME", "MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL"}
    assert names | {"FINTS_LAKE", "FINTS_CONFIGS"} <= set(found)
    assert not {"OTHER", "ABSENT"} & set(found)
    assert found["AWS_ENDPOINT_URL"] == "http://store"
    assert found["PATH"] == f"{Path(sys.executable).parent}:${{PATH}}"


def test_a_cluster_that_does_not_answer_is_named() -> None:
    from fints_pipeline.defs.ray_jobs import stop_steps

    address = f"http://127.0.0.1:{free_port()}"
    with pytest.raises(ConfigError, match="no Ray cluster answers") as caught:
        stop_steps(address, "a run")
    assert caught.value.where == address


def test_an_unknown_kind_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "executors.yaml"
    file.write_text("training: {kind: rai, address: x}\n")
    monkeypatch.setenv("FINTS_EXECUTORS", str(file))
    with pytest.raises(ConfigError, match="rai"):
        Executors.from_environment()


class Cluster:
    """What a job server says of any job, at which second."""

    def __init__(self) -> None:
        self.status: str | None = "RUNNING"
        self.now = 0.0

    def get_job_status(self, job: str) -> Any:
        from ray.job_submission import JobStatus

        if self.status is None:
            raise ConnectionError("refused")
        return JobStatus(self.status)

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> tuple[Cluster, Callable[[], str]]:
    """Return a cluster, and a function that looks after a step: why it is unhealthy, or ''."""
    from fints_pipeline.defs import ray_jobs

    cluster = Cluster()
    monkeypatch.setattr(ray_jobs, "_client", lambda address: cluster)
    monkeypatch.setattr(ray_jobs, "time", cluster)
    steps = ray_jobs.RayJobs("http://head", 1, 0, {}, patience=60)
    arguments = SimpleNamespace(step_keys_to_execute=["step"], run_id="run", known_state=None)
    context = SimpleNamespace(execute_step_args=arguments)
    return cluster, lambda: steps.check_step_health(context).unhealthy_reason or ""


def test_a_step_is_lost_when_its_cluster_has_been_silent(
    looks: tuple[Cluster, Callable[[], str]],
) -> None:
    cluster, look = looks
    cluster.now = 100.0
    assert look() == ""
    cluster.status = None
    cluster.now = 159.0
    assert look() == ""
    cluster.now = 160.0
    assert "http://head has not answered for 60 s" in look()
    cluster.status = "RUNNING"
    assert look() == ""


@pytest.mark.parametrize("status", ["STOPPED", "SUCCEEDED"])
def test_a_job_that_is_over_has_one_look_for_its_events_to_be_read(
    looks: tuple[Cluster, Callable[[], str]], status: str
) -> None:
    cluster, look = looks
    cluster.status = status
    assert look() == ""
    assert "has ended, or was stopped" in look()
