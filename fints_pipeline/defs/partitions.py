"""How the assets are cut: instrument × month, walk-forward fold, experiment."""

import contextlib
import os

import dagster as dg

from fints_pipeline.base.errors import ConfigError, KeyNotFoundError, nearest

FIRST_MONTH = os.environ.get("FINTS_FIRST_MONTH", "2010-01")
"""The first month that data assets have a partition for."""

INSTRUMENTS = dg.DynamicPartitionsDefinition(name="instruments")
"""``dataset.SYMBOL``; added when an archive of a new instrument is staged."""

EXOGENOUS = dg.DynamicPartitionsDefinition(name="exogenous")
"""Name of an exogenous series; added when a file of it is staged."""

NEWS = dg.DynamicPartitionsDefinition(name="news")
"""``source.SYMBOL``, a subject of news; added when an archive with items about it is staged."""

CADENCES = {"month": 1, "quarter": 3, "year": 12}
"""Months that one partition of the data assets may span."""

CADENCE = os.environ.get("FINTS_CADENCE", "month")
"""How the data assets are cut in time; the lake keeps months whatever it is."""

MOST_PARTITIONS = 20_000
"""Partitions an asset up to which Dagster's page answers within seconds."""


_REFUSALS = 20
"""How often another process may come first."""


def _period(cadence: str) -> int:
    if cadence not in CADENCES:
        raise ConfigError(
            f"{cadence!r} is no cadence", where="FINTS_CADENCE", fix=f"one of {', '.join(CADENCES)}"
        )
    return CADENCES[cadence]


PERIOD = _period(CADENCE)


def period_of(month: str, months: int = PERIOD) -> str:
    """Return the first month of the period that a month lies in, which names the period."""
    year, number = map(int, month.split("-"))
    return f"{year}-{(number - 1) // months * months + 1:02d}"


def months_of(period: str, months: int = PERIOD) -> list[str]:
    """Return the months of the period that begins with a month."""
    year, number = map(int, period.split("-"))
    return [f"{year}-{number + further:02d}" for further in range(months)]


MONTHS = dg.TimeWindowPartitionsDefinition(
    cron_schedule=f"0 0 1 {'*' if PERIOD == 1 else f'1-12/{PERIOD}'} *",
    start=period_of(FIRST_MONTH),
    fmt="%Y-%m",
    end_offset=1,
)
"""Months of the session date (or periods, named by their first), the running one included."""


def too_many(instruments: int) -> str | None:
    """Return a warning when the data assets have, or will soon have, too many partitions."""
    months = len(MONTHS.get_partition_keys()) * PERIOD
    count = instruments * months // PERIOD
    if count <= 0.8 * MOST_PARTITIONS:
        return None
    fitting = [name for name, n in CADENCES.items() if instruments * months // n <= MOST_PARTITIONS]
    advice = (
        f"set FINTS_CADENCE={fitting[0]}, or a later FINTS_FIRST_MONTH"
        if fitting
        else "keep markets in lakes of their own, each with its own DAGSTER_HOME"
    )
    return (
        f"{instruments} instruments from {FIRST_MONTH} by {CADENCE} are {count} partitions an "
        f"asset; Dagster's page is slow above {MOST_PARTITIONS}: {advice}"
    )


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
