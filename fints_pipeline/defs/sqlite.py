"""Keeps Dagster's SQLite files open while a run writes many events."""

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager

import dagster as dg
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.sqlite.sqlite_event_log import INDEX_SHARD_NAME


@contextmanager
def kept_open(instance: dg.DagsterInstance, run_id: str) -> Iterator[None]:
    """Hold an idle connection to the event log's files of a run.

    Dagster opens and closes a connection for each statement, and whoever closes the last one of a
    file has to write its journal back: milliseconds an event. Other storages are left alone.
    """
    storage = instance.event_log_storage
    with ExitStack() as stack:
        if isinstance(storage, SqliteEventLogStorage):
            with storage.run_connection(run_id):
                pass  # makes the file with its tables, if this is the run's first event
            for shard in (INDEX_SHARD_NAME, run_id):
                path = storage.path_for_shard(shard)
                connection = stack.enter_context(closing(sqlite3.connect(path, timeout=30)))
                connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        yield
