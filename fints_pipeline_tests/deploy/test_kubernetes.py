"""dagster-k8s itself reads what the Helm values say, and makes the pod of a run from it."""

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import dagster as dg
import pytest
import yaml
from dagster._core.code_pointer import ModuleCodePointer
from dagster._core.launcher import LaunchRunContext
from dagster._core.origin import JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.test_utils import create_run_for_test

# What `make deploy` installs is there in the full run of the tests.
pytestmark = [pytest.mark.server, pytest.mark.slow]

SECRET = "dagster-postgresql-secret"


@pytest.fixture(scope="module")
def values(project: Path) -> dict[str, Any]:
    return yaml.safe_load((project / "configs" / "deploy" / "helm-values.yaml").read_text())


def launcher_config(values: dict[str, Any]) -> dict[str, Any]:
    """Return what the chart writes into dagster.yaml for its launcher."""
    says = values["runLauncher"]["config"]["k8sRunLauncher"]
    return {
        "load_incluster_config": True,
        "job_namespace": "default",
        "image_pull_policy": "Always",
        "service_account_name": "fints-dagster",
        "dagster_home": "/opt/dagster/dagster_home",
        "instance_config_map": "fints-dagster-instance",
        "postgres_password_secret": SECRET,
        "security_context": says["securityContext"],
    }


def container_context(deployment: dict[str, Any]) -> dict[str, Any]:
    """Return what the chart gives to the code's server for the runs that it launches."""
    assert deployment["includeConfigInLaunchedRuns"]["enabled"]
    return {
        "k8s": {
            "image_pull_policy": deployment["image"]["pullPolicy"],
            "env_secrets": [secret["name"] for secret in deployment["envSecrets"]],
            "env": deployment["env"],
            "namespace": "default",
            "service_account_name": "fints-dagster-user-deployments",
        }
    }


@pytest.fixture
def container(values: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the container of a run's pod, as dagster-k8s asks the cluster for it."""
    import kubernetes
    from dagster._config import process_config, resolve_to_config_type
    from dagster_k8s import K8sRunLauncher

    config = process_config(
        resolve_to_config_type(K8sRunLauncher.config_type()), launcher_config(values)
    )
    assert config.success, config.errors
    monkeypatch.setattr(kubernetes.config, "load_incluster_config", lambda: None)
    cluster = Mock()
    launcher = K8sRunLauncher(**config.value, k8s_client_batch_api=cluster)
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    code = RepositoryPythonOrigin(
        "python",
        ModuleCodePointer(deployment["dagsterApiGrpcArgs"][1], "defs"),
        container_image=f"{deployment['image']['repository']}:{deployment['image']['tag']}",
        container_context=container_context(deployment),
    )
    with dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        launcher.register_instance(instance)
        run = create_run_for_test(instance, job_code_origin=JobPythonOrigin("data", code))
        launcher.launch_run(LaunchRunContext(run, workspace=None))
    job = cluster.create_namespaced_job.call_args.kwargs["body"]
    (made,) = job.spec.template.spec.containers
    return made


def test_the_pod_of_a_run_has_the_image_and_no_rights(container: Any, values: Any) -> None:
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    assert container.image.endswith(f"/fints-pipeline:{deployment['image']['tag']}")
    assert container.args[2:5] == ["dagster", "api", "execute_run"]
    assert container.image_pull_policy == deployment["image"]["pullPolicy"]
    context = container.security_context
    assert context.run_as_user == deployment["securityContext"]["runAsUser"] == 1000
    assert context.run_as_non_root
    assert context.allow_privilege_escalation is False


def test_the_pod_of_a_run_has_the_codes_variables_and_secrets(container: Any, values: Any) -> None:
    (deployment,) = values["dagster-user-deployments"]["deployments"]
    named = {one.name: one.value for one in container.env}
    for variable in deployment["env"]:
        assert named[variable["name"]] == variable["value"]
    assert [one.secret_ref.name for one in container.env_from if one.secret_ref] == ["fints"]
    (password,) = (one for one in container.env if one.name == "DAGSTER_PG_PASSWORD")
    assert password.value is None
    assert password.value_from.secret_key_ref.name == SECRET


def test_the_queue_takes_the_values(values: Any) -> None:
    from dagster._config import process_config, resolve_to_config_type
    from dagster._core.run_coordinator import QueuedRunCoordinator

    queue = values["dagsterDaemon"]["runCoordinator"]["config"]["queuedRunCoordinator"]
    config = {
        "max_concurrent_runs": queue["maxConcurrentRuns"],
        "tag_concurrency_limits": queue["tagConcurrencyLimits"],
    }
    taken = process_config(resolve_to_config_type(QueuedRunCoordinator.config_type()), config)
    assert taken.success, taken.errors
