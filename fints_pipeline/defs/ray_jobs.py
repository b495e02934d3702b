"""dagster-ray's steps as jobs of a Ray cluster, for a cluster that may die, and steps that may.

Taken as it is, dagster-ray takes a step for healthy for as long as the job server does not answer,
so that a run whose cluster was killed stayed started for ever. The same held for a job that was
stopped from Ray's side. And it wants `dagster` on the PATH of the cluster's head.
"""

import math
import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
from dagster._core.definitions.executor_definition import multiple_process_executor_requirements
from dagster._core.events import DagsterEvent, EngineEventData
from dagster._core.execution.retries import RetryMode
from dagster._core.executor.base import Executor
from dagster._core.executor.step_delegating import (
    CheckStepHealthResult,
    StepDelegatingExecutor,
    StepHandlerContext,
)
from dagster_ray.core.executor import RayStepHandler

from fints_pipeline.base.errors import ConfigError

_LOOK_SECONDS = 10
_ALWAYS = ("DAGSTER_HOME", "MLFLOW_TRACKING_URI")
_OURS = "FINTS_"
_RUN = "dagster/run-id"  # among a job's metadata, by dagster-ray


def ray_executor(
    address: str, cpus: float, gpus: float, environment: Sequence[str], patience: float
) -> dg.ExecutorDefinition:
    """Return the executor on a cluster's job server.

    Args:
        address: of the job server, such as ``http://head:8265``.
        cpus: that a step takes.
        gpus: that a step takes.
        environment: names of more variables that the steps get, where they are set.
        patience: seconds of the job server's silence after which the steps count as lost.
    """

    @dg.executor(name="ray", requirements=multiple_process_executor_requirements())
    def on_ray(_context) -> Executor:
        """Steps as jobs of a Ray cluster."""
        steps = RayJobs(address, cpus, gpus, handed(environment), patience)
        return StepDelegatingExecutor(
            steps,
            retries=RetryMode.ENABLED,
            check_step_health_interval_seconds=min(_LOOK_SECONDS, math.ceil(patience / 2)),
            should_verify_step=True,
        )

    return on_ray


def handed(more: Sequence[str]) -> dict[str, str]:
    """Return the variables that a step gets, of this process.

    This interpreter's folder comes first on the PATH: where a node has the same environment at the
    same place, that is what runs there, and elsewhere the node's own PATH decides.
    """
    ours = sorted(name for name in os.environ if name.startswith(_OURS))
    names = [name for name in (*_ALWAYS, *ours, *more) if name in os.environ]
    programs = f"{Path(sys.executable).parent}{os.pathsep}${{PATH}}"  # filled in on the node
    return {**{name: os.environ[name] for name in names}, "PATH": programs}


def stop_steps(address: str, run_id: str) -> int:
    """Stop what a cluster still executes of a run, and return how many steps that was.

    Raises:
        ConfigError: no cluster answers.
    """
    client = _client(address)
    ours = [job for job in client.list_jobs() if (job.metadata or {}).get(_RUN) == run_id]
    going = [job.submission_id for job in ours if not job.status.is_terminal()]
    for submission_id in going:
        client.stop_job(submission_id)
    return len(going)


class RayJobs(RayStepHandler):
    """Submits steps as jobs, and notices when they or their cluster are gone.

    Args:
        address: of the job server.
        cpus: that a step takes.
        gpus: that a step takes.
        variables: of the steps' environment.
        patience: with a silent job server, in seconds.

    Raises:
        ConfigError: no cluster answers.
    """

    def __init__(
        self,
        address: str,
        cpus: float,
        gpus: float,
        variables: dict[str, str],
        patience: float,
    ) -> None:
        super().__init__(
            client=_client(address),
            env_vars=[],
            runtime_env={"env_vars": variables},
            num_cpus=cpus,
            num_gpus=gpus or None,
            memory=None,
            resources=None,
        )
        self._address = address
        self._patience = patience
        self._answered = time.monotonic()
        self._over: set[str] = set()

    def launch_step(self, context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Submit a step as a job.

        Raises:
            ConfigError: the cluster no longer answers.
        """
        try:
            yield from super().launch_step(context)
        except OSError as error:
            raise _no_answer(self._address, error) from None
        self._answered = time.monotonic()

    def check_step_health(self, context: StepHandlerContext) -> CheckStepHealthResult:
        """Say whether a step's job goes on; its events are what tells that it has succeeded."""
        try:
            found = super().check_step_health(context)
            over = found.is_healthy and self._is_over(context)
        except OSError as error:  # of requests, too
            return self._unanswered(error)
        self._answered = time.monotonic()
        return _ended_without_a_word(self._address) if over else found

    def terminate_step(self, context: StepHandlerContext) -> Iterator[DagsterEvent]:
        """Stop a step's job, if there still is a cluster."""
        try:
            yield from super().terminate_step(context)
        except (OSError, RuntimeError) as error:
            yield DagsterEvent.engine_event(
                context.get_step_context(self._get_step_key(context)),
                f"It could not be stopped on {self._address}: {error}",
                EngineEventData(),
            )

    def _unanswered(self, error: OSError) -> CheckStepHealthResult:
        silent = time.monotonic() - self._answered
        if silent < self._patience:
            return CheckStepHealthResult.healthy()
        return CheckStepHealthResult.unhealthy(
            f"Ray's job server at {self._address} has not answered for {silent:.0f} s ({error}). "
            "Start the cluster again, then run this once more."
        )

    def _is_over(self, context: StepHandlerContext) -> bool:
        """Return whether a job had ended at the last look already: its events are read by now."""
        job = self._get_ray_job_submission_id(context)
        if not self.client.get_job_status(job).is_terminal():
            return False
        seen = job in self._over
        self._over.add(job)
        return seen


def _ended_without_a_word(address: str) -> CheckStepHealthResult:
    return CheckStepHealthResult.unhealthy(
        f"Its job on {address} has ended, or was stopped, without an event of the step's end."
    )


def _client(address: str) -> Any:
    from ray.job_submission import JobSubmissionClient

    try:
        return JobSubmissionClient(address)
    except (OSError, RuntimeError) as error:
        raise _no_answer(address, error) from None


def _no_answer(address: str, error: Exception) -> ConfigError:
    return ConfigError(
        f"no Ray cluster answers: {error}",
        where=address,
        fix="start it (docs/deploy/ray.md), or correct `address` in FINTS_EXECUTORS's file",
    )
