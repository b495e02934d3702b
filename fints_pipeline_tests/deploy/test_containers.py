"""compose.yaml, the Dockerfile and the Helm values say nothing of this project that is not true."""

import importlib.util
import re
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from dagster._grpc.client import DagsterGrpcClient

from fints_pipeline_tests.deploy.installation import Installation

VARIABLE = re.compile(r"\bFINTS_[A-Z_]+\b")


@pytest.fixture(scope="module")
def folder(project: Path) -> Path:
    return project / "configs" / "deploy"


@pytest.fixture(scope="module")
def services(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "compose.yaml").read_text())["services"]


@pytest.fixture(scope="module")
def values(folder: Path) -> dict[str, Any]:
    return yaml.safe_load((folder / "helm-values.yaml").read_text())


def read_by_the_code(project: Path) -> set[str]:
    files = [*(project / "fints_pipeline").rglob("*.py")]
    files += [project / "configs" / "deploy" / "dagster-postgres.yaml"]
    return {name for path in files for name in VARIABLE.findall(path.read_text())}


def test_every_service_is_pinned_checked_and_closed_to_the_outside(services: Any) -> None:
    for name, service in services.items():
        assert re.search(r":\d+\.\d+", service["image"]), name
        assert service["healthcheck"]["test"][0] == "CMD", name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
        for other in service.get("depends_on", {}):
            assert other in services
    assert set(services) == {"postgres", "mlflow", "code", "daemon", "page"}


def test_what_the_services_run_exists(services: Any) -> None:
    for service in services.values():
        command = service.get("command", [])
        if "-m" in command:
            assert importlib.util.find_spec(command[command.index("-m") + 1]) is not None
        elif command:
            assert command[0] in {"mlflow", "dagster-daemon"}


def test_what_is_mounted_exists(services: Any, folder: Path) -> None:
    for service in services.values():
        for volume in service["volumes"]:
            source = volume.split(":")[0]
            assert source in {"data", "database"} or (folder / source).exists()


def test_the_variables_are_read_by_the_code(services: Any, values: Any, project: Path) -> None:
    known = read_by_the_code(project)
    named = {name for one in services.values() for name in one.get("environment", {})}
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    named |= {one["name"] for one in deployment["env"]}
    ours = {name for name in named if name.startswith("FINTS_")}
    assert ours
    assert ours <= known


def test_no_secret_stands_in_a_file(folder: Path, project: Path) -> None:
    for path in [*folder.iterdir(), project / "Dockerfile"]:
        for secret in re.findall(r"(?i)(?:password|secret)\w*:[ ]+[\"']?(\S+)", path.read_text()):
            assert secret.startswith(("${", "false")), (path.name, secret)


def test_the_image_runs_as_nobody_in_particular(project: Path, values: Any) -> None:
    lines = (project / "Dockerfile").read_text().splitlines()
    assert "USER 1000:1000" in lines
    assert any(line.startswith("HEALTHCHECK") for line in lines)
    assert re.fullmatch(
        r"FROM python:\d+\.\d+\.\d+-slim-\w+",
        next(line for line in lines if line.startswith("FROM")),
    )
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert deployment["securityContext"]["runAsUser"] == 1000


def test_all_instances_keep_the_same_rules(folder: Path, project: Path, values: Any) -> None:
    one = yaml.safe_load((project / "dagster.yaml").read_text())
    other = yaml.safe_load((folder / "dagster-postgres.yaml").read_text())
    rules = one["concurrency"]["runs"]["tag_concurrency_limits"]
    assert other["concurrency"]["runs"]["tag_concurrency_limits"] == rules
    daemon = values["dagsterDaemon"]
    queue = daemon["runCoordinator"]["config"]["queuedRunCoordinator"]
    assert queue["tagConcurrencyLimits"] == rules
    assert other["run_retries"] == one["run_retries"]
    assert daemon["runRetries"] == {
        "enabled": one["run_retries"]["enabled"],
        "maxRetries": one["run_retries"]["max_retries"],
        "retryOnAssetOrOpFailure": one["run_retries"]["retry_on_asset_or_op_failure"],
    }
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    module = deployment["dagsterApiGrpcArgs"][1]
    assert importlib.util.find_spec(module) is not None


def test_all_that_opens_the_instance_has_its_file(services: Any) -> None:
    for name in ("code", "daemon", "page"):
        assert services[name]["volumes"] == services["code"]["volumes"]
        shared = services["code"]["environment"]
        assert shared.items() <= services[name]["environment"].items(), name


def test_compose_and_helm_run_the_same(services: Any, values: Any, project: Path) -> None:
    says = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    image = f"{deployment['image']['repository']}:{deployment['image']['tag']}".rpartition("/")[2]
    ours = {service["image"] for name, service in services.items() if name != "postgres"}
    assert ours == {image, f"fints-pipeline:{says['version']}"}
    assert f"--port={deployment['port']}" in services["code"]["command"]
    variable = "DAGSTER_BACKFILL_RETRY_DEFINITION_CHANGED_ERROR"
    assert values["dagsterDaemon"]["env"][variable]
    assert services["daemon"]["environment"][variable]


def test_the_image_has_what_the_instance_of_the_chart_names(project: Path) -> None:
    lock = (project / "requirements" / "lock.txt").read_text()
    more = (project / "requirements" / "deploy.txt").read_text()
    release = re.search(r"^dagster==(\S+)", lock, re.MULTILINE)
    assert release is not None
    library = "0." + str(int(release[1].split(".")[1]) + 16) + "." + release[1].split(".")[2]
    for name in ("dagster-k8s", "dagster-postgres"):
        assert re.search(rf"^{name}=={re.escape(library)} ", more, re.MULTILINE), name
    for path in ("configs/deploy/helm-values.yaml", "docs/deploy/kubernetes.md"):
        assert f"--version {release[1]} " in (project / path).read_text(), path


@pytest.mark.server
def test_the_code_is_served_to_others(tmp_path: Path, project: Path) -> None:
    place = Installation(tmp_path / "here", project)
    command = ["-m", "fints_pipeline.service.code_location", "--port", "14000"]
    code = place.python(*command)
    try:
        client = DagsterGrpcClient(host="127.0.0.1", port=14000)
        deadline = time.monotonic() + 120
        while client.health_check_query() != "SERVING":
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert '"attribute": "defs"' in client.list_repositories()
    finally:
        code.terminate()
        said = code.communicate(timeout=60)[0]
    assert code.returncode == 0, said
    assert "ending" in said
