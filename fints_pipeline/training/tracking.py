"""Where parameters, metrics and files of a fit are logged: nowhere, or to MLflow."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from fints_pipeline.base.errors import UserError
from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.parent_runs import children, log_parameters, nested_run, parents

# A parent that was superseded is below the other one too, and is no fit.
_FINISHED_FIT = " and tags.model != '' and attributes.status = 'FINISHED'"


class RunLog(Protocol):
    """One fold's model, while it is being fitted."""

    @property
    def run_id(self) -> str | None:
        """The run's id, None where nothing is kept."""

    def parameters(self, values: Mapping[str, object]) -> None:
        """Log settings; nested ones become dotted names."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Log numbers at an optimiser step."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Log what identifies the run and its environment."""

    def artifacts(self, folder: Path) -> None:
        """Log every file of a folder."""


class Tracker(Protocol):
    """Starts a log for a fold's model."""

    def run(
        self, experiment: ExperimentConfig, fold: str, model: str
    ) -> AbstractContextManager[RunLog]:
        """Return a context in which the model is fitted; an exception marks the run failed."""


class NullTracker:
    """Keeps nothing."""

    run_id: str | None = None

    @contextmanager
    def run(self, experiment: ExperimentConfig, fold: str, model: str) -> Iterator[RunLog]:
        """Yield a log that keeps nothing."""
        yield self

    def parameters(self, values: Mapping[str, object]) -> None:
        """Keep nothing."""

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        """Keep nothing."""

    def tags(self, values: Mapping[str, str]) -> None:
        """Keep nothing."""

    def artifacts(self, folder: Path) -> None:
        """Keep nothing."""


class MlflowTracker:
    """Logs to MLflow: one parent run an experiment fingerprint, a nested run a fold and model.

    The parent is found by its tag, so that the folds of an experiment meet under one run whichever
    process trains them. MLflow's active run is neither used nor changed.

    Args:
        mlflow: the ``mlflow`` module; its tracking URI says where runs go.
        tags: put on every nested run (Dagster's run id, asset key and partition, for example).
    """

    def __init__(self, mlflow: Any, tags: Mapping[str, str] | None = None) -> None:
        self._mlflow = mlflow
        self._tags = dict(tags or {})

    @contextmanager
    def run(self, experiment: ExperimentConfig, fold: str, model: str) -> Iterator[RunLog]:
        """Yield the log of a nested run named ``fold/model``.

        Raises:
            UserError: the store cannot be written, or no longer; files of the fit stay as they are.
        """
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        tags = {"fold": fold, "model": model, **self._tags}
        with _clear_errors(MlflowException, SQLAlchemyError, OSError):
            run_id = nested_run(self._mlflow, experiment, f"{fold}/{model}", tags)
        client = self._mlflow.MlflowClient()
        log = _MlflowRun(client, run_id)
        with _clear_errors(MlflowException):
            try:
                yield log
            except BaseException:
                with contextlib.suppress(MlflowException):  # what ended the fit matters more
                    client.set_terminated(log.run_id, "FAILED")
                raise
            client.set_terminated(log.run_id, "FINISHED")


@contextmanager
def _clear_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Say in plain words what MLflow's store, or a driver below it, said."""
    try:
        yield
    except kinds as error:
        raise UserError(
            f"MLflow cannot keep the run: {_reason(error)}",
            where="MLFLOW_TRACKING_URI",  # the address itself may hold a password
            fix="see that the store is writable, has room, and answers",
        ) from error


def _reason(error: BaseException) -> str:
    """Return what was said first, in one line."""
    first = error
    while (before := first.__cause__ or first.__context__) is not None:
        first = before
    said = first.strerror if isinstance(first, OSError) and first.strerror else str(first)
    return said.strip().split("\n", 1)[0]


def tracked_runs(mlflow: Any, experiment: str, fingerprints: Iterable[str]) -> list[dict[str, str]]:
    """Return the last finished run of every fold and model.

    Args:
        mlflow: the ``mlflow`` module.
        experiment: its name.
        fingerprints: of its configs, whose parent runs are looked below.

    Returns:
        `fold`, `model`, `run_id` and `url` (on the page of ``make mlflow``) of each, by fold and
        model; nothing where nothing was tracked.
    """
    client = mlflow.MlflowClient()
    home = client.get_experiment_by_name(experiment)
    if home is None:
        return []
    found = {}
    for fingerprint in sorted(fingerprints):
        for parent in parents(client, home.experiment_id, fingerprint):
            runs = children(client, home.experiment_id, parent, _FINISHED_FIT)
            found.update({(run.data.tags["fold"], run.data.tags["model"]): run for run in runs})
    return [
        {"fold": fold, "model": model, "run_id": run.info.run_id, "url": run_page(run)}
        for (fold, model), run in sorted(found.items())
    ]


def run_page(run: Any) -> str:
    """Return a run's address on the page that ``make mlflow`` serves (FINTS_MLFLOW_PAGE)."""
    page = os.environ.get("FINTS_MLFLOW_PAGE", "http://127.0.0.1:5000")
    return f"{page}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


class _MlflowRun:
    def __init__(self, client: Any, run_id: str) -> None:
        self._client = client
        self.run_id: str = run_id

    def parameters(self, values: Mapping[str, object]) -> None:
        log_parameters(self._client, self.run_id, values)

    def metrics(self, values: Mapping[str, float], step: int) -> None:
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        self._client.log_batch(
            self.run_id, metrics=[Metric(k, float(v), now, step) for k, v in values.items()]
        )

    def tags(self, values: Mapping[str, str]) -> None:
        from mlflow.entities import RunTag

        self._client.log_batch(self.run_id, tags=[RunTag(k, v) for k, v in values.items()])

    def artifacts(self, folder: Path) -> None:
        self._client.log_artifacts(self.run_id, str(folder))
