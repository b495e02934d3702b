"""dagster-ray's executor: each step is a job of a Ray cluster."""

import os
from collections.abc import Sequence

import dagster as dg
from dagster_ray import ray_executor as executor_of_dagster_ray

_ALWAYS = ("DAGSTER_HOME", "MLFLOW_TRACKING_URI")
_OURS = "FINTS_"


def ray_executor(
    address: str, cpus: float, gpus: float, environment: Sequence[str]
) -> dg.ExecutorDefinition:
    """Return the executor on a cluster's job server; see `settings`."""
    config = {"ray": settings(address, cpus, gpus, environment)}
    return executor_of_dagster_ray.configured(config, name="ray")


def settings(
    address: str, cpus: float, gpus: float, environment: Sequence[str]
) -> dict[str, object]:
    """Return dagster-ray's settings.

    Args:
        address: of the job server, such as ``http://head:8265``.
        cpus: that a step takes.
        gpus: that a step takes.
        environment: names of more variables that the steps get, where they are set.
    """
    ours = sorted(name for name in os.environ if name.startswith(_OURS))
    names = [name for name in (*_ALWAYS, *ours, *environment) if name in os.environ]
    return {"address": address, "num_cpus": cpus, "num_gpus": gpus, "env_vars": names}
