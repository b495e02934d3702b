"""dagster-dask's executor for several runs on one cluster, and for steps that may fail.

Taken as it is, it names a task after its job and step alone, and a cluster runs a task of one name
once: of two runs of a job at once, one got the other's result and did nothing. And it starts a step
whose upstream step failed, or whose blocking check did.
"""

import os
import socket
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import Any

import dagster as dg
import distributed
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.errors import raise_execution_interrupts
from dagster._core.events import DagsterEvent
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.base import Executor
from dagster._utils import iterate_with_context
from dagster_dask.executor import get_dask_resource_requirements, query_on_dask_worker

from fints_pipeline.base.errors import ConfigError, UserError

_WHERE = ("FINTS_LAKE", "FINTS_CONFIGS", "MLFLOW_TRACKING_URI")


def dask_executor(address: str | None, workers: int) -> dg.ExecutorDefinition:
    """Return the executor on a scheduler's workers, or on processes of this machine."""

    @dg.executor(name="dask", requirements=multiple_process_executor_requirements())
    def on_dask(_context) -> Executor:
        """Steps on the workers of a Dask cluster."""
        return DaskWorkers(address, workers)

    return on_dask


class DaskWorkers(Executor):
    """Submits each step to a Dask cluster as soon as the steps before it have succeeded.

    Args:
        address: of a scheduler; None starts a cluster for the run.
        workers: of the cluster that is started.
    """

    def __init__(self, address: str | None, workers: int) -> None:
        self._address = address
        self._workers = workers

    @property
    def retries(self) -> RetryMode:
        """None of its own: a run is taken up again as a whole."""
        return RetryMode.DISABLED

    def execute(self, plan_context, execution_plan) -> Iterator[DagsterEvent]:
        """Yield the events of the steps, those of one step together."""
        with ExitStack() as stack:
            client = stack.enter_context(distributed.Client(self._cluster(stack)))
            submitted: dict[str, Any] = {}
            for level in execution_plan.get_steps_to_execute_by_level():
                for step in level:
                    before = sorted(
                        {key for one in step.step_inputs for key in one.dependency_keys}
                        & set(submitted)
                    )
                    submitted[step.key] = client.submit(
                        after,
                        surroundings(),
                        [submitted[key] for key in before],
                        plan_context.reconstructable_job,
                        plan_context.dagster_run,
                        plan_context.run_config,
                        [step.key],
                        plan_context.instance.get_ref(),
                        execution_plan.known_state,
                        key=f"{plan_context.run_id}.{step.key}",
                        resources=get_dask_resource_requirements(step.tags),
                    )
            done = distributed.as_completed(list(submitted.values()), with_results=True)
            for _, events in iterate_with_context(raise_execution_interrupts, done):
                if isinstance(events, distributed.CancelledError):  # returned, not raised
                    raise _lost(client.scheduler.address, events)
                yield from events or ()

    def _cluster(self, stack: ExitStack) -> Any:
        if self._address is not None:
            return self._address
        # One thread a worker: Dagster's steps are not made for threads.
        cluster = distributed.LocalCluster(
            n_workers=self._workers, threads_per_worker=1, dashboard_address=None
        )
        return stack.enter_context(cluster)


def _lost(address: str, error: Exception) -> UserError:
    return UserError(
        f"the Dask scheduler was lost: {error}",
        where=address,
        fix="start the cluster again, then run this once more; what was made is kept",
    )


def surroundings() -> dict[str, str]:
    """Return the variables that say where this process reads and writes."""
    return {name: os.environ.get(name, "") for name in _WHERE}


def after(
    expected: Mapping[str, str],
    before: Sequence[Sequence[DagsterEvent] | None],
    *arguments: Any,
) -> Sequence[DagsterEvent] | None:
    """Execute a step on a worker; None, without having started it, if one before it failed.

    Raises:
        ConfigError: the worker would read or write elsewhere than the run.
    """
    if any(events is None or any(map(_stops, events)) for events in before):
        return None
    for name, value in surroundings().items():
        if value != expected[name]:
            raise ConfigError(
                f"a Dask worker has {name}={value!r}, and the run {expected[name]!r}",
                where=socket.gethostname(),
                fix="start the workers with the run's variables",
            )
    return query_on_dask_worker([], *arguments)


def _stops(event: DagsterEvent) -> bool:
    return event.is_step_failure or event.is_step_up_for_retry
