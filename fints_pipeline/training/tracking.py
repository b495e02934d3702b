"""Where parameters, metrics and files of a fit are logged: nowhere, or to MLflow."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Protocol

from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.store_lock import one_at_a_time

PARENT_TAG = "fints.experiment_fingerprint"
ARTIFACTS_VARIABLE = "FINTS_MLFLOW_ARTIFACTS"
"""Folder or address for the artefacts of new experiments, where no MLflow server keeps them."""
_PARENT_RUN = "mlflow.parentRunId"
_LONGEST_PARAMETER = 500  # MLflow refuses longer values on some stores


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
        """Yield the log of a nested run named ``fold/model``."""
        parent = parent_run_id(self._mlflow, experiment)  # first: it makes the store's tables
        client = self._mlflow.MlflowClient()
        home = client.get_run(parent).info.experiment_id
        tags = {_PARENT_RUN: parent, "fold": fold, "model": model, **self._tags}
        started = client.create_run(home, tags=tags, run_name=f"{fold}/{model}")
        log = _MlflowRun(client, started.info.run_id)
        try:
            yield log
        except BaseException:
            client.set_terminated(log.run_id, "FAILED")
            raise
        client.set_terminated(log.run_id, "FINISHED")


def parent_run_id(mlflow: Any, experiment: ExperimentConfig) -> str:
    """Return the id of the experiment's own run, which is made on first use.

    It is found by the tag that holds the experiment's fingerprint. One process at a time looks and
    makes what is missing, the store's tables included.
    """
    with one_at_a_time(mlflow.get_tracking_uri()):
        return _parent_run_id(mlflow, experiment)


def _parent_run_id(mlflow: Any, experiment: ExperimentConfig) -> str:
    client = mlflow.MlflowClient()
    home = _experiment_id(mlflow, client, experiment.experiment)
    wanted = f"tags.`{PARENT_TAG}` = '{experiment.fingerprint}'"

    def first() -> str | None:
        found = client.search_runs([home], wanted, max_results=1, order_by=["start_time ASC"])
        return str(found[0].info.run_id) if found else None

    if known := first():
        return known
    tags = {PARENT_TAG: experiment.fingerprint, "mlflow.note.content": experiment.description}
    name = f"{experiment.experiment} {experiment.fingerprint[:8]}"
    ours = str(client.create_run(home, tags=tags, run_name=name).info.run_id)
    known = first()  # a server has no lock: another process may have come between
    if known is not None and known != ours:
        client.delete_run(ours)
        return known
    _MlflowRun(client, ours).parameters(experiment.model_dump(mode="json"))
    client.set_terminated(ours, "FINISHED")
    return ours


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
        wanted = f"tags.`{PARENT_TAG}` = '{fingerprint}'"
        for parent in client.search_runs([home.experiment_id], wanted):
            below = f"tags.`{_PARENT_RUN}` = '{parent.info.run_id}'"
            below += " and attributes.status = 'FINISHED'"
            runs = client.search_runs([home.experiment_id], below, order_by=["start_time ASC"])
            found.update({(run.data.tags["fold"], run.data.tags["model"]): run for run in runs})
    return [
        {"fold": fold, "model": model, "run_id": run.info.run_id, "url": run_page(run)}
        for (fold, model), run in sorted(found.items())
    ]


def run_page(run: Any) -> str:
    """Return a run's address on the page that ``make mlflow`` serves (FINTS_MLFLOW_PAGE)."""
    page = os.environ.get("FINTS_MLFLOW_PAGE", "http://127.0.0.1:5000")
    return f"{page}/#/experiments/{run.info.experiment_id}/runs/{run.info.run_id}"


def _experiment_id(mlflow: Any, client: Any, name: str) -> str:
    from mlflow.exceptions import MlflowException

    found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    location = _artifact_folder(mlflow.get_tracking_uri())
    try:
        return str(client.create_experiment(name, artifact_location=location))
    except MlflowException as error:
        found = client.get_experiment_by_name(name)
        if error.error_code != "RESOURCE_ALREADY_EXISTS" or found is None:
            raise
        return str(found.experiment_id)  # another process came between; a server has no lock


class _MlflowRun:
    def __init__(self, client: Any, run_id: str) -> None:
        self._client = client
        self.run_id: str | None = run_id

    def parameters(self, values: Mapping[str, object]) -> None:
        from mlflow.entities import Param

        pairs = [Param(k, str(v)[:_LONGEST_PARAMETER]) for k, v in _flat(values)]
        self._client.log_batch(self.run_id, params=pairs)

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


def _artifact_folder(tracking_uri: str) -> str | None:
    """Return where artefacts go: `ARTIFACTS_VARIABLE`'s place, or a folder beside an sqlite store.

    MLflow would otherwise use the working folder. A server has a place of its own: None.
    """
    prefix = "sqlite:///"
    if place := os.environ.get(ARTIFACTS_VARIABLE, ""):
        return place if "://" in place else Path(place).resolve().as_uri()
    if not tracking_uri.startswith(prefix):
        return None
    return (Path(tracking_uri.removeprefix(prefix)).resolve().parent / "artifacts").as_uri()


def _flat(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        elif value is not None:
            yield f"{prefix}{name}", value
