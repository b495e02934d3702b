"""The MLflow run of an experiment, under which the runs of its folds nest: one a fingerprint.

A store behind a server has no lock, so processes that begin at once may each make that run. None of
them can tell from its clock who was first. So the run of the lowest id is the parent, which is the
same for everybody at any time, and whoever sees others puts them and their runs below it.

It takes no lock because everybody looks again after writing, until nothing has changed. Of two
makers the later one sees both runs. Of a maker and a process that puts a run below another one,
either the maker finds that run there, or the process finds the maker's.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from fints_pipeline.training.config import ExperimentConfig
from fints_pipeline.training.store_lock import one_at_a_time

FINGERPRINT_TAG = "fints.experiment_fingerprint"
"""Tag of an experiment's own run."""
PARENT_TAG = "mlflow.parentRunId"
"""Tag of a nested run; MLflow's page goes by it."""
ARTIFACTS_VARIABLE = "FINTS_MLFLOW_ARTIFACTS"
"""Folder or address for the artefacts of new experiments, where no MLflow server keeps them."""
_SUPERSEDED = "superseded"
_LONGEST_PARAMETER = 500  # MLflow refuses longer values on some stores


def parent_run_id(mlflow: Any, experiment: ExperimentConfig) -> str:
    """Return the id of the experiment's own run, which is made on first use.

    It is found by the tag that holds the experiment's fingerprint. Where the store has a lock, one
    process at a time looks and makes what is missing, the store's tables included.
    """
    with one_at_a_time(mlflow.get_tracking_uri()):
        return _parent_run_id(mlflow, experiment)


def nested_run(
    mlflow: Any, experiment: ExperimentConfig, name: str, tags: Mapping[str, str]
) -> str:
    """Start a run below the experiment's own and return its id."""
    parent = parent_run_id(mlflow, experiment)  # first: it makes the store's tables
    client = mlflow.MlflowClient()
    home = client.get_run(parent).info.experiment_id
    started = client.create_run(home, tags={**tags, PARENT_TAG: parent}, run_name=name)
    run_id = str(started.info.run_id)
    while (now := parent_run_id(mlflow, experiment)) != parent:  # made since, with a lower id
        client.set_tag(run_id, PARENT_TAG, now)
        parent = now
    return run_id


def parents(client: Any, home: str, fingerprint: str) -> list[str]:
    """Return the ids of an experiment's own runs, ascending; more than one while they are many.

    Args:
        client: an ``MlflowClient``.
        home: id of the MLflow experiment.
        fingerprint: of the experiment's config.
    """
    wanted = f"tags.`{FINGERPRINT_TAG}` = '{fingerprint}'"
    return sorted(str(run.info.run_id) for run in _search(client, home, wanted))


def children(client: Any, home: str, parent: str, also: str = "") -> list[Any]:
    """Return the runs below a run, in the order in which they say that they began.

    Args:
        client: an ``MlflowClient``.
        home: id of the MLflow experiment.
        parent: id of the run.
        also: a further condition, in MLflow's language.
    """
    return list(_search(client, home, f"tags.`{PARENT_TAG}` = '{parent}'{also}"))


def log_parameters(client: Any, run_id: str, values: Mapping[str, object]) -> None:
    """Log settings; nested ones become dotted names."""
    from mlflow.entities import Param

    pairs = [Param(k, str(v)[:_LONGEST_PARAMETER]) for k, v in _flat(values)]
    client.log_batch(run_id, params=pairs)


def _parent_run_id(mlflow: Any, experiment: ExperimentConfig) -> str:
    client = mlflow.MlflowClient()
    home = _experiment_id(mlflow, client, experiment.experiment)
    last = None  # below which this process has put others
    while True:
        if not (found := parents(client, home, experiment.fingerprint)):
            _make(client, home, experiment)
            continue
        first, *others = found
        if last is not None and last not in found:
            others.append(last)
        if not others:
            return first
        for other in others:
            _put_below(client, home, other, first)
        last = first


def _make(client: Any, home: str, experiment: ExperimentConfig) -> None:
    tags = {FINGERPRINT_TAG: experiment.fingerprint, "mlflow.note.content": experiment.description}
    name = f"{experiment.experiment} {experiment.fingerprint[:8]}"
    made = str(client.create_run(home, tags=tags, run_name=name).info.run_id)
    log_parameters(client, made, experiment.model_dump(mode="json"))
    client.set_terminated(made, "FINISHED")


def _put_below(client: Any, home: str, other: str, first: str) -> None:
    """Put a second parent and its runs below the first; the fingerprint goes last, for a crash.

    It is not deleted: another process may be about to use it, and MLflow would fail that one.
    """
    for run in children(client, home, other):
        client.set_tag(run.info.run_id, PARENT_TAG, first)
    _set_new_tag(client, other, PARENT_TAG, first)
    client.set_tag(other, FINGERPRINT_TAG, _SUPERSEDED)


def _set_new_tag(client: Any, run_id: str, key: str, value: str) -> None:
    """Set a tag that others may be setting for the first time: MLflow 3.17 fails all but one."""
    from mlflow.exceptions import MlflowException

    try:
        client.set_tag(run_id, key, value)
    except MlflowException:
        client.set_tag(run_id, key, value)  # it is there now


def _search(client: Any, home: str, wanted: str) -> Iterable[Any]:
    token = None
    while True:
        page = client.search_runs([home], wanted, order_by=["start_time ASC"], page_token=token)
        yield from page
        if not (token := page.token):
            return


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
