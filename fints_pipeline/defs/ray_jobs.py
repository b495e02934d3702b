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
    """Return the executor on a cluster's job server.

    Args:
        address: of the server, such as ``http://head:8265``.
        cpus: that a step takes.
        gpus: that a step takes.
        environment: names of more variables that the steps get.
    """
    ours = sorted(name for name in os.environ if name.startswith(_OURS))
    names = [name for name in (*_ALWAYS, *ours, *environment) if name in os.environ]
    settings = {"address": address, "num_cpus": cpus, "num_gpus": gpus, "env_vars": names}
    return executor_of_dagster_ray.configured({"ray": settings}, name="ray")
