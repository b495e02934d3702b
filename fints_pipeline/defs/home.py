"""Dagster's home: made once, however many processes come first."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dagster as dg

from fints_pipeline.base.errors import ConfigError, UserError
from fints_pipeline.defs.database import is_away, others_made_it, reason_of

MARK = ".initialised"
CONFIG = "dagster.yaml"
PROJECTS_CONFIG = Path(__file__).resolve().parents[2] / CONFIG
"""The project's own, which a home gets that has none."""
_LOCK = ".initialising"
_PATIENCE_SECONDS = 30.0


def dagster_home() -> Path:
    """Return the folder that ``DAGSTER_HOME`` names.

    Raises:
        ConfigError: it is not set, not a folder, or relative.
    """
    home = os.environ.get("DAGSTER_HOME", "")
    if not home or not Path(home).is_dir():
        raise ConfigError(
            "DAGSTER_HOME must name the folder where Dagster keeps its runs",
            where=f"DAGSTER_HOME={home!r}",
            fix='run `make home`, then `export DAGSTER_HOME="$PWD/.dagster"`',
        )
    if not Path(home).is_absolute():
        raise ConfigError(
            "DAGSTER_HOME must be an absolute path: each process would look for it elsewhere",
            where=f"DAGSTER_HOME={home!r}",
            fix=f'export DAGSTER_HOME="{Path(home).resolve()}"',
        )
    return Path(home)


@contextmanager
def opened_instance() -> Iterator[dg.DagsterInstance]:
    """Yield the instance of ``DAGSTER_HOME``, its databases made by one process alone.

    SQLite files that several processes create at once come out broken for good, so the first use
    is behind a file lock, which a killed process lets go.

    A home without `CONFIG` gets a link to the project's, as from `make home`: without one Dagster
    phones home, takes up no killed run and lets ten runs at once write to SQLite.

    Raises:
        ConfigError: there is no home, or no `CONFIG` to link; or, in the block too, the home or its
            database cannot be written.
    """
    home = dagster_home()
    with _clear_errors(home):
        if not ((home / MARK).exists() and (home / CONFIG).exists()):
            try:
                _initialise(home)
            except OSError as error:
                raise _unwritable(home, error.strerror or str(error)) from None
        with dg.DagsterInstance.get() as instance:
            yield instance


@contextmanager
def _clear_errors(home: Path) -> Iterator[None]:
    """Say in plain words that Dagster cannot keep its records."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        if not is_away(error):
            raise
        raise _unwritable(home, reason_of(error)) from error


def _unwritable(home: Path, reason: str) -> ConfigError:
    return ConfigError(
        f"Dagster cannot keep its records: {reason}",
        where=str(home),
        fix="see that the folder is writable, that its disk has room, and that the database which "
        "its dagster.yaml may name answers; or point DAGSTER_HOME elsewhere",
    )


def _initialise(home: Path) -> None:
    with (home / _LOCK).open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (home / CONFIG).exists():
            _link_config(home / CONFIG)
        if (home / MARK).exists():
            return
        _make(_PATIENCE_SECONDS)
        (home / MARK).touch()


def _link_config(path: Path) -> None:
    if not PROJECTS_CONFIG.is_file():
        raise ConfigError(
            f"Dagster's home has no {CONFIG}",
            where=str(path.parent),
            fix=f"copy the project's {CONFIG} there",
        )
    path.unlink(missing_ok=True)  # a link to a project that has moved
    path.symlink_to(PROJECTS_CONFIG)


def _make(patience: float) -> None:
    """Make the tables; what other homes on one database make at the same time is waited for."""
    deadline = time.monotonic() + patience
    while True:
        try:
            with dg.DagsterInstance.get() as instance:
                _touch_storages(instance)
        except Exception as error:
            if not others_made_it(error) or time.monotonic() > deadline:
                raise
            time.sleep(0.3)
        else:
            return


def _touch_storages(instance: dg.DagsterInstance) -> None:
    """Use every storage once, which creates its tables."""
    instance.get_runs(limit=1)
    instance.event_log_storage.get_maximum_record_id()
    instance.all_instigator_state()
    instance.get_backfills(limit=1)


if __name__ == "__main__":
    with opened_instance():
        pass
