"""Run the code location's jobs one after the other in this process, events and all."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import RunFailureReason
from dagster._core.execution.api import execute_run_iterator
from dagster._core.utils import make_new_run_id

from fints_pipeline.base.errors import UserError
from fints_pipeline.defs import executors
from fints_pipeline.defs.home import opened_instance
from fints_pipeline.defs.instrument import SERIES_ASSETS
from fints_pipeline.defs.jobs import needed_assets
from fints_pipeline.defs.partitions import (
    EXOGENOUS,
    INSTRUMENTS,
    NEWS,
    fold_partition,
    register,
    series_partition,
)
from fints_pipeline.defs.sqlite import kept_open
from fints_pipeline.defs.targets import ONLY_TAG, STALE, range_tags

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}

Told = Callable[[str, str], None]
"""Is told each partition as it is made: asset and partition key."""


class Launcher:
    """Executes jobs in-process against a Dagster instance.

    Events are passed on and not kept, so that a run over a thousand partitions needs no more memory
    than one over ten.

    Args:
        instance: Where runs and events are recorded.
        definitions: The code location.
    """

    def __init__(self, instance: dg.DagsterInstance, definitions: dg.Definitions) -> None:
        self._instance = instance
        self._definitions = definitions

    def ingest(self) -> None:
        """Stage the inbox."""
        self._run("ingest")

    def source(self, job: str, partition: str) -> None:
        """Run `exogenous` of a series, or `news` of a subject."""
        register(self._instance, {"exogenous": EXOGENOUS, "news": NEWS}[job], [partition])
        self._run(job, _partition_tags(partition))

    def series(self, instrument: str, month: str, assets: Sequence[str]) -> None:
        """Materialise some assets of one instrument's month."""
        register(self._instance, INSTRUMENTS, [instrument])
        tags = _partition_tags(series_partition(instrument, month))
        self._run("data", tags, assets)

    def refresh(
        self,
        instrument: str,
        first: str,
        last: str,
        told: Told | None = None,
        assets: Sequence[str] = SERIES_ASSETS,
    ) -> None:
        """Make what is missing or stale of an instrument's months from ``first`` to ``last``."""
        register(self._instance, INSTRUMENTS, [instrument])
        tags = range_tags(instrument, first, last) | {ONLY_TAG: STALE}
        self._run("data", tags, assets, told)

    def folds(self) -> None:
        """Make partitions of the experiments' folds."""
        self._run("folds")

    def fold(self, job: str, experiment: Any, fold: str) -> None:
        """Run `pretrain` or `train` for one fold of an `ExperimentConfig`, if it has any of it."""
        if assets := needed_assets(job, experiment):
            key = fold_partition(experiment.experiment, fold)
            self._run(job, _partition_tags(key), assets)

    def backtest(self, experiment: str) -> None:
        """Run the backtest and report of one experiment."""
        self._run("backtest", _partition_tags(experiment))

    def explain(self, experiment: str) -> None:
        """Explain the models of one experiment's backtest, and report it again."""
        self._run("explain", _partition_tags(experiment))

    def request(self, request: dg.RunRequest) -> None:
        """Run what a sensor or schedule requests, as the daemon would."""
        keys = request.asset_selection
        assets = [key.to_user_string() for key in keys] if keys else None
        tags = dict(request.tags)
        if request.partition_key:
            tags |= _partition_tags(request.partition_key)
        self._run(request.job_name or "data", tags, assets)

    def _run(
        self,
        job: str,
        tags: dict[str, str] | None = None,
        assets: Sequence[str] | None = None,
        told: Told | None = None,
    ) -> None:
        """Run a job.

        Raises:
            UserError: it failed through a user's mistake, or a check that blocks did.
            KeyboardInterrupt: Ctrl-C ended it.
            RuntimeError: it failed otherwise.
        """
        selection = frozenset(map(dg.AssetKey, assets)) if assets is not None else None
        definition = self._here(job).get_subset(asset_selection=selection)
        run_id = make_new_run_id()
        failures = []
        with kept_open(self._instance, run_id):
            run = self._instance.create_run_for_job(
                definition,
                run_id=run_id,
                run_config=_QUIET,
                tags=tags or {},
                asset_selection=selection,
            )
            for event in execute_run_iterator(InMemoryJob(definition), run, self._instance):
                if _is_interruption(event):
                    raise KeyboardInterrupt
                if event.is_step_failure:
                    failures.append(event.step_failure_data)
                elif event.is_step_materialization and told and event.asset_key:
                    told(event.asset_key.to_user_string(), str(event.partition))
        if failures:
            raise _error(job, failures)
        ended = self._instance.get_run_by_id(run_id)
        if ended is None or not ended.is_success:
            raise RuntimeError(f"job {job} failed, run {run_id}")

    def _here(self, job: str) -> dg.JobDefinition:
        """Return a job whose steps run in this process, whatever executor it has elsewhere."""
        definition = self._definitions.resolve_job_def(job)
        if definition.executor_def.name == dg.in_process_executor.name:
            return definition
        return definition._copy(executor_def=executors.definition(executors.InProcess()))


def _is_interruption(event: dg.DagsterEvent) -> bool:
    """Return whether an event is the last one of a run that Ctrl-C ended.

    Dagster takes the signal, and records it as a failure of the step and of the run.
    """
    data = event.job_failure_data if event.is_job_failure else None
    return data is not None and data.failure_reason is RunFailureReason.UNEXPECTED_TERMINATION


def _partition_tags(key: str) -> dict[str, str]:
    if isinstance(key, dg.MultiPartitionKey):
        dimensions = {f"dagster/partition/{k}": v for k, v in key.keys_by_dimension.items()}
        return {"dagster/partition": str(key), **dimensions}
    return {"dagster/partition": key}


def _error(job: str, failures: Sequence) -> Exception:
    """Return what to raise for failed steps: the first that is a user's mistake, if one is."""
    for failure in failures:
        if failure.user_failure_data is not None:
            return UserError(failure.user_failure_data.description or f"job {job} failed")
    for failure in failures:
        if failure.error and failure.error.cls_name == "DagsterAssetCheckFailedError":
            return UserError(failure.error.message, fix="the check's evidence is on its page")
    return RuntimeError(f"job {job} failed:\n{failures[0].error.to_string()}")


@contextmanager
def launcher(definitions: dg.Definitions) -> Iterator[Launcher]:
    """Yield a launcher on the instance of ``DAGSTER_HOME``.

    Raises:
        ConfigError: ``DAGSTER_HOME`` is not set.
    """
    with opened_instance() as instance:
        yield Launcher(instance, definitions)
