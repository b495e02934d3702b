"""Run the code location's jobs one after the other in this process, events and all."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import dagster as dg

from fints_pipeline.base.errors import UserError
from fints_pipeline.defs.home import opened_instance
from fints_pipeline.defs.jobs import needed_assets
from fints_pipeline.defs.partitions import (
    INSTRUMENTS,
    fold_partition,
    register,
    series_partition,
)

_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Launcher:
    """Executes jobs in-process against a Dagster instance.

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

    def series(self, instrument: str, month: str, assets: Sequence[str]) -> None:
        """Materialise some assets of one instrument's month."""
        register(self._instance, INSTRUMENTS, [instrument])
        selection = [dg.AssetKey(name) for name in assets]
        self._run("data", series_partition(instrument, month), asset_selection=selection)

    def folds(self) -> None:
        """Make partitions of the experiments' folds."""
        self._run("folds")

    def fold(self, job: str, experiment: Any, fold: str) -> None:
        """Run `pretrain` or `train` for one fold of an `ExperimentConfig`, if it has any of it."""
        selection = [dg.AssetKey(asset) for asset in needed_assets(job, experiment)]
        if selection:
            key = fold_partition(experiment.experiment, fold)
            self._run(job, key, asset_selection=selection)

    def backtest(self, experiment: str) -> None:
        """Run the backtest and report of one experiment."""
        self._run("backtest", experiment)

    def _run(self, job: str, partition_key: str | None = None, **options: Any) -> None:
        try:
            self._definitions.resolve_job_def(job).execute_in_process(
                instance=self._instance, partition_key=partition_key, run_config=_QUIET, **options
            )
        except dg.Failure as failure:
            raise UserError(failure.description or f"job {job} failed") from None
        except dg.DagsterAssetCheckFailedError as failure:
            raise UserError(str(failure), fix="the check's evidence is on its page") from None


@contextmanager
def launcher(definitions: dg.Definitions) -> Iterator[Launcher]:
    """Yield a launcher on the instance of ``DAGSTER_HOME``.

    Raises:
        ConfigError: ``DAGSTER_HOME`` is not set.
    """
    with opened_instance() as instance:
        yield Launcher(instance, definitions)
