"""Dagster's home: made once, however many processes come first."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from fints_pipeline.base.errors import ConfigError

MARK = ".initialised"
_LOCK = ".initialising"


def dagster_home() -> Path:
    """Return the folder that ``DAGSTER_HOME`` names.

    Raises:
        ConfigError: it is not set or not a folder.
    """
    home = os.environ.get("DAGSTER_HOME", "")
    if not home or not Path(home).is_dir():
        raise ConfigError(
            "DAGSTER_HOME must name the folder where Dagster keeps its runs",
            where=f"DAGSTER_HOME={home!r}",
            fix='run `make home`, then `export DAGSTER_HOME="$PWD/.dagster"`',
        )
    return Path(home)


@contextmanager
def opened_instance() -> Iterator[dg.DagsterInstance]:
    """Yield the instance of ``DAGSTER_HOME``, its databases made by one process alone.

    SQLite files that several processes create at once come out broken for good, so the first use
    is behind a file lock, which a killed process lets go.

    Raises:
        ConfigError: there is no home, or it cannot be written.
    """
    home = dagster_home()
    try:
        if not (home / MARK).exists():
            _initialise(home)
    except PermissionError:
        raise ConfigError(
            "Dagster's home cannot be written",
            where=str(home),
            fix="make the folder writable, or point DAGSTER_HOME elsewhere",
        ) from None
    with dg.DagsterInstance.get() as instance:
        yield instance


def _initialise(home: Path) -> None:
    with (home / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if (home / MARK).exists():
            return
        with dg.DagsterInstance.get() as instance:
            _touch_storages(instance)
        (home / MARK).touch()


def _touch_storages(instance: dg.DagsterInstance) -> None:
    """Use every storage once, which creates its tables."""
    instance.get_runs(limit=1)
    instance.event_log_storage.get_maximum_record_id()
    instance.all_instigator_state()
    instance.get_backfills(limit=1)


if __name__ == "__main__":
    with opened_instance():
        pass
