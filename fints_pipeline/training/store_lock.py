"""A lock on MLflow's store, for what several processes must not do at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_SQLITE = "sqlite:///"
_POSTGRESQL = "postgresql"
_KEY = 0x66696E7473  # "fints": the number of the lock among the database's advisory locks


@contextmanager
def one_at_a_time(tracking_uri: str) -> Iterator[None]:
    """Hold the lock of a database store; a store behind a server has none.

    A server makes its tables before anyone comes; who uses it looks again after making something.

    A store's tables are made on first use, and MLflow lets processes that come first together break
    each other's attempt. The lock ends with the process that holds it.

    Args:
        tracking_uri: of the store. SQLite's lock is a file beside its own, PostgreSQL's an advisory
            lock in the database, so that it reaches across machines.
    """
    if tracking_uri.startswith(_SQLITE):
        with _beside(Path(tracking_uri.removeprefix(_SQLITE))):
            yield
    elif tracking_uri.startswith(_POSTGRESQL):
        with _advisory(tracking_uri):
            yield
    else:
        yield


@contextmanager
def _beside(database: Path) -> Iterator[None]:
    database.parent.mkdir(parents=True, exist_ok=True)
    with (database.parent / f".{database.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def _advisory(address: str) -> Iterator[None]:
    import sqlalchemy

    engine = sqlalchemy.create_engine(address, poolclass=sqlalchemy.pool.NullPool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("SELECT pg_advisory_lock(:key)"), {"key": _KEY})
        yield  # closing the connection gives the lock back
