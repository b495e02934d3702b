"""Which machine executes a run, where several of them keep their runs in one database."""

import socket

import dagster as dg
from dagster._core.storage.runs import SqliteRunStorage

HOST_TAG = "fints/host"
"""Holds ``machine/run id``: a retry inherits its run's tags, and may be another machine's."""


def here() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def is_shared(instance: dg.DagsterInstance) -> bool:
    """Return whether other machines may keep their runs in this instance's storage."""
    return not isinstance(instance.run_storage, SqliteRunStorage)


def note_host(instance: dg.DagsterInstance, run_id: str) -> None:
    """Tag a run with this machine, which executes it."""
    instance.add_run_tags(run_id, {HOST_TAG: f"{here()}/{run_id}"})


def host_of(run: dg.DagsterRun) -> str | None:
    """Return the machine that was noted for this very run, if one was."""
    host, _, run_id = run.tags.get(HOST_TAG, "").rpartition("/")
    return host if run_id == run.run_id else None
