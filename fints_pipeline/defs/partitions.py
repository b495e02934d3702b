"""How the assets are cut: instrument × month, walk-forward fold, experiment."""

import contextlib

import dagster as dg

from fints_pipeline.base.errors import KeyNotFoundError, nearest
from fints_pipeline.defs.cadence import FIRST_MONTH, PERIOD, period_of

INSTRUMENTS = dg.DynamicPartitionsDefinition(name="instruments")
"""``dataset.SYMBOL``; added when an archive of a new instrument is staged."""

EXOGENOUS = dg.DynamicPartitionsDefinition(name="exogenous")
"""Name of an exogenous series; added when a file of it is staged."""

NEWS = dg.DynamicPartitionsDefinition(name="news")
"""``source.SYMBOL``, a subject of news; added when an archive with items about it is staged."""

_REFUSALS = 20
"""How often another process may come first."""

MONTHS = dg.TimeWindowPartitionsDefinition(
    cron_schedule=f"0 0 1 {'*' if PERIOD == 1 else f'1-12/{PERIOD}'} *",
    start=period_of(FIRST_MONTH),
    fmt="%Y-%m",
    end_offset=1,
)
"""Months of the session date (or periods, named by their first), the running one included."""

SERIES = dg.MultiPartitionsDefinition({"instrument": INSTRUMENTS, "month": MONTHS})
"""One instrument's month; keys read ``binance.BTCUSDT|2023-01``."""

FOLDS = dg.DynamicPartitionsDefinition(name="folds")
"""``<experiment>.<first test session>``; added by the fold sensor or the pipeline command."""

EXPERIMENTS = dg.DynamicPartitionsDefinition(name="experiments")
"""Name of an experiment's config file."""


def register(
    instance: dg.DagsterInstance, definition: dg.DynamicPartitionsDefinition, keys: list[str]
) -> None:
    """Add keys to a dynamic partitions definition; those that exist stay.

    On SQLite Dagster looks which keys exist and then inserts the others, so that of two processes
    which add the same key at once one is refused: it looks again.
    """
    from sqlalchemy.exc import IntegrityError

    for _ in range(_REFUSALS):
        with contextlib.suppress(IntegrityError):
            return instance.add_dynamic_partitions(str(definition.name), keys)
    return instance.add_dynamic_partitions(str(definition.name), keys)


def registered(
    instance: dg.DagsterInstance, definition: dg.DynamicPartitionsDefinition
) -> list[str]:
    """Return the keys of a dynamic partitions definition."""
    return list(instance.get_dynamic_partitions(str(definition.name)))


def series_partition(instrument: str, month: str) -> dg.MultiPartitionKey:
    """Return the key of the partition that an instrument's month lies in."""
    return dg.MultiPartitionKey({"instrument": instrument, "month": period_of(month)})


def fold_partition(experiment: str, fold: str) -> str:
    """Return the partition key of an experiment's fold."""
    return f"{experiment}.{fold}"


def split_fold(key: str) -> tuple[str, str]:
    """Return the experiment and the fold that a fold's partition key names.

    Raises:
        KeyNotFoundError: it is not of the form ``experiment.YYYY-MM-DD``.
    """
    experiment, _, fold = key.rpartition(".")
    if not experiment:
        raise KeyNotFoundError(
            f"{key!r} is not a fold", fix="write it as <experiment>.<first test session>"
        )
    return experiment, fold


def check_known(noun: str, name: str, known: list[str]) -> str:
    """Return ``name`` if it is known, else raise with the nearest known ones."""
    if name not in known:
        raise KeyNotFoundError(f"no {noun} {name!r}", fix=nearest(name, known) or f"no {noun} yet")
    return name
