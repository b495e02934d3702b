"""Where the steps of a run are executed: in its process, or by workers that a YAML file names."""

import os
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import dagster as dg
from dagster._core.events import DagsterEvent, EngineEventData
from dagster._core.executor.base import Executor
from dagster._core.executor.in_process import InProcessExecutor
from dagster._core.storage.tags import RETRY_ON_ASSET_OR_OP_FAILURE_TAG
from pydantic import Field

from fints_pipeline.base.config import Config, load_config
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.defs.database import was_away
from fints_pipeline.defs.hosts import is_shared, note_host

VARIABLE = "FINTS_EXECUTORS"
"""Names the YAML file; without it every step runs in its run's process."""


class InProcess(Config):
    """One step after the other in the run's own process."""

    kind: Literal["in_process"] = "in_process"


class Dask(Config):
    """Workers of a Dask cluster.

    Attributes:
        kind: says so.
        address: of a scheduler that runs already, such as ``tcp://scheduler:8786``.
        workers: processes on this machine, started for each run, where there is no address.
    """

    kind: Literal["dask"]
    address: str | None = None
    workers: int = Field(2, ge=1)


class Ray(Config):
    """Jobs of a Ray cluster, one a step.

    Attributes:
        kind: says so.
        address: of the cluster's job server, such as ``http://head:8265``.
        cpus: that a step takes.
        gpus: that a step takes.
        environment: names of this process's variables that a step gets, beside the `FINTS_` ones,
            Dagster's home and MLflow's.
        patience: seconds of the job server's silence after which a step counts as lost.
    """

    kind: Literal["ray"]
    address: str
    cpus: float = Field(1, gt=0)
    gpus: float = Field(0, ge=0)
    environment: tuple[str, ...] = ()
    patience: float = Field(60, gt=0)


ExecutorConfig = Annotated[InProcess | Dask | Ray, Field(discriminator="kind")]


class Executors(Config):
    """Executors of the jobs.

    Attributes:
        default: of all jobs but these two.
        training: of `pretrain` and `train`.
    """

    default: ExecutorConfig = InProcess()
    training: ExecutorConfig = InProcess()

    @property
    def each(self) -> tuple[ExecutorConfig, ExecutorConfig]:
        """All of them."""
        return self.default, self.training

    @classmethod
    def from_environment(cls) -> "Executors":
        """Return those of the file that `VARIABLE` names.

        Raises:
            ConfigError: the file is missing or wrong.
        """
        path = os.environ.get(VARIABLE, "")
        return load_config(path, cls) if path else cls()


def definition(config: ExecutorConfig) -> dg.ExecutorDefinition:
    """Return Dagster's executor, which notes the machine of a run where that could be another one.

    Raises:
        ConfigError: what it needs is not installed.
    """
    base: Any = _base(config)  # its parts are typed more widely than those of a new one

    def create(context: Any) -> Executor:
        return _Noting(base.executor_creation_fn(context))

    return dg.ExecutorDefinition(
        name=base.name,
        config_schema=base.config_schema,
        requirements=base.get_requirements({}),
        executor_creation_fn=create,
        description=base.description,
    )


def stop_elsewhere(run_id: str) -> str:
    """Stop what a cluster still executes of a run whose own process is gone.

    A Dask cluster forgets what a run has submitted when its client is gone.

    Returns:
        What was done, as sentences; empty where no cluster outlives its runs.
    """
    try:
        on = [one for one in Executors.from_environment().each if isinstance(one, Ray)]
    except ConfigError as error:
        return f" Whether a cluster has steps of it is not known: {error.what}."
    said = ""
    for address in sorted({one.address for one in on}):
        try:
            from fints_pipeline.defs.ray_jobs import stop_steps

            if number := stop_steps(address, run_id):
                said += f" Stopped {number} of its steps on {address}."
        except (ConfigError, ModuleNotFoundError):
            said += f" No cluster answers at {address}, where it may have had steps."
    return said


def _base(config: ExecutorConfig) -> dg.ExecutorDefinition:
    """Return the executor itself; what is only needed for it is imported only here."""
    try:
        if isinstance(config, Dask):
            from fints_pipeline.defs.dask_workers import dask_executor

            return dask_executor(config.address, config.workers)
        if isinstance(config, Ray):
            from fints_pipeline.defs.ray_jobs import ray_executor

            return ray_executor(**config.model_dump(exclude={"kind"}))
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"the executor {config.kind!r} needs {error.name}, which is not installed",
            where=f"{VARIABLE}={os.environ.get(VARIABLE)}",
            fix="run `make deploy`",
        ) from None
    return dg.in_process_executor


class _Noting(Executor):
    """Lets another executor go on, in the run's process, and notes what Dagster would not.

    The process: a run by ``dagster job execute`` whose steps are elsewhere would be settled
    while it is alive. On a shared database its machine, too; and, where a step failed because the
    database went away, that it is taken up again: that was nobody's mistake, and looks to Dagster
    like any other step's failure.
    """

    def __init__(self, executor: Executor) -> None:
        self._executor = executor

    @property
    def retries(self):
        return self._executor.retries

    @property
    def step_dependency_config(self):
        return self._executor.step_dependency_config

    def execute(self, plan_context, execution_plan) -> Iterator[Any]:
        instance = plan_context.instance
        if is_shared(instance):
            note_host(instance, plan_context.run_id)
        if not isinstance(self._executor, InProcessExecutor):
            process = EngineEventData.in_process(os.getpid())
            DagsterEvent.engine_event(plan_context, "Sending steps to workers.", process)
        for event in self._executor.execute(plan_context, execution_plan):
            if is_shared(instance) and _lost_database(event):
                again = {RETRY_ON_ASSET_OR_OP_FAILURE_TAG: "true"}
                instance.add_run_tags(plan_context.run_id, again)
            yield event


def _lost_database(event: dg.DagsterEvent) -> bool:
    return event.is_step_failure and was_away(event.step_failure_data.error)
