"""Which machine executes a run, where several of them keep their runs in one database."""

import socket

import dagster as dg
from dagster._core.storage.runs import SqliteRunStorage

HOST_TAG = "fints/host"


def here() -> str:
    """Return this machine's name."""
    return socket.gethostname()


def is_shared(instance: dg.DagsterInstance) -> bool:
    """Return whether other machines may keep their runs in this instance's storage."""
    return not isinstance(instance.run_storage, SqliteRunStorage)
