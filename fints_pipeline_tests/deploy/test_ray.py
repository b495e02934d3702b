"""Training as jobs of a Ray cluster, as far as it goes without a cluster's job server."""

from pathlib import Path

import pytest

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.defs import executors
from fints_pipeline.defs.executors import Executors, InProcess, Ray

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
    from dagster_ray.core.executor import RayExecutorConfig

    from fints_pipeline.defs.ray_jobs import settings

    found = RayExecutorConfig(
        **settings(wanted.address, wanted.cpus, wanted.gpus, wanted.environment)
    )
    assert found.address == "http://127.0.0.1:8265"
    assert found.num_cpus == 1
    names = {"DAGSTER_HOME", "MLFLOW_TRACKING_URI", "AWS_ENDPOINT_URL"}
    assert names | {"FINTS_LAKE", "FINTS_CONFIGS"} <= set(found.env_vars or ())
    assert not {"OTHER", "ABSENT"} & set(found.env_vars or ())


def test_an_unknown_kind_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "executors.yaml"
    file.write_text("training: {kind: rai, address: x}\n")
    monkeypatch.setenv("FINTS_EXECUTORS", str(file))
    with pytest.raises(ConfigError, match="rai"):
        Executors.from_environment()
