"""How the data assets are cut in time, and up to how many partitions; needs no Dagster."""

import os
from collections.abc import Iterable
from datetime import UTC, datetime

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.time import check_month, month_of, months_between

CADENCES = {"month": 1, "quarter": 3, "year": 12}
"""Months that one partition of the data assets may span."""

CADENCE = os.environ.get("FINTS_CADENCE", "month")
"""How the data assets are cut in time; the lake keeps months whatever it is."""

MOST_PARTITIONS = 20_000
"""Partitions an asset up to which Dagster's page answers within seconds."""


def _first_month(month: str) -> str:
    try:
        return check_month(month)
    except ConfigError as error:
        raise ConfigError(error.what, where="FINTS_FIRST_MONTH", fix=error.fix) from None


FIRST_MONTH = _first_month(os.environ.get("FINTS_FIRST_MONTH", "2010-01"))
"""The first month that data assets have a partition for."""


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


def has_partition(month: str, now: datetime | None = None) -> bool:
    """Return whether a month lies between the first one and the running one, UTC.

    A session can belong to a month that has not begun in UTC; its bars are made once it has.
    """
    today = (now or datetime.now(tz=UTC)).date()
    return period_of(FIRST_MONTH) <= month <= months_of(period_of(month_of(today)))[-1]


def too_early(months: Iterable[str]) -> str | None:
    """Return a warning when archives reach back behind the first month."""
    first = min(months, default=FIRST_MONTH)
    if first >= period_of(FIRST_MONTH):
        return None
    return (
        f"archives hold months from {first}; those before {FIRST_MONTH} are left alone: "
        f"set FINTS_FIRST_MONTH={first} to have them too"
    )


def periods(now: datetime | None = None) -> int:
    """Return how many periods there are, the running one included."""
    today = (now or datetime.now(tz=UTC)).date()
    months = months_between(period_of(FIRST_MONTH), month_of(today))
    return len({period_of(month) for month in months})


def too_many(instruments: int) -> str | None:
    """Return a warning when the data assets have, or will soon have, too many partitions."""
    months = periods() * PERIOD
    count = instruments * months // PERIOD
    if count <= 0.8 * MOST_PARTITIONS:
        return None
    coarser = {name: n for name, n in CADENCES.items() if n > PERIOD}
    fitting = [name for name, n in coarser.items() if instruments * months // n <= MOST_PARTITIONS]
    advice = (
        f"set FINTS_CADENCE={fitting[0]}, or a later FINTS_FIRST_MONTH"
        if fitting
        else "keep markets in lakes of their own, each with its own DAGSTER_HOME"
    )
    soon = "; before there are more, " if count <= MOST_PARTITIONS else ": "
    return (
        f"{instruments} instruments from {FIRST_MONTH} by {CADENCE} are {count} partitions an "
        f"asset; Dagster's page is slow above {MOST_PARTITIONS}{soon}{advice}"
    )
