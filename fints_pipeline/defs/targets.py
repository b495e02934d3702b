"""Which instruments and months a run has to make, from its tags."""

from collections.abc import Mapping
from dataclasses import dataclass

import dagster as dg
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.storage.tags import (
    ASSET_PARTITION_RANGE_END_TAG,
    ASSET_PARTITION_RANGE_START_TAG,
    BACKFILL_ID_TAG,
    PARENT_RUN_ID_TAG,
    PARTITION_NAME_TAG,
)

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.defs.cadence import FIRST_MONTH, months_of, period_of
from fints_pipeline.defs.partitions import INSTRUMENTS, MONTHS, SERIES, series_partition

ONLY_TAG = "fints/only"
"""``stale`` lets a run make what is missing or out of date among its partitions, and no other."""
STALE = "stale"


@dataclass(frozen=True)
class Targets:
    """What a run is asked for.

    Attributes:
        months: Months of each instrument, ascending.
        only_stale: Whether to leave out what is current.
        again: Whether the run takes up one that died: what is current was made by that one, and is
            reported without being made anew.
        is_backfill: Whether a backfill launched it.
    """

    months: Mapping[str, tuple[str, ...]]
    only_stale: bool
    again: bool
    is_backfill: bool = False

    @property
    def is_sweep(self) -> bool:
        """Whether months without data are passed over; of a single one it is an error."""
        return self.is_backfill or sum(map(len, self.months.values())) > 1


def targets(context: dg.AssetExecutionContext) -> Targets:
    """Return the run's targets.

    Read from the run's own tags rather than from the context: a range that is launched as a
    backfill of a job also carries the tags of its first partition, and Dagster then speaks of that
    one alone and reports success for all.

    Raises:
        KeyNotFoundError: the tags name no instrument and month.
    """
    tags = context.run.tags
    months: dict[str, list[str]] = {}
    for instrument, month in _keys(context.instance, tags):
        months.setdefault(instrument, []).append(month)
    return Targets(
        {name: tuple(sorted(found)) for name, found in months.items()},
        only_stale=is_refresh(context),
        again=PARENT_RUN_ID_TAG in tags,
        is_backfill=BACKFILL_ID_TAG in tags,
    )


def is_refresh(context: dg.AssetExecutionContext) -> bool:
    """Return whether a run is to make only what is missing or out of date."""
    return context.run.tags.get(ONLY_TAG) == STALE


def range_tags(instrument: str, first: str, last: str) -> dict[str, str]:
    """Return the tags of a run over an instrument's months from ``first`` to ``last``."""
    return {
        ASSET_PARTITION_RANGE_START_TAG: str(series_partition(instrument, first)),
        ASSET_PARTITION_RANGE_END_TAG: str(series_partition(instrument, last)),
        "fints/instrument": instrument,
    }


def _keys(instance: dg.DagsterInstance, tags: Mapping[str, str]) -> list[tuple[str, str]]:
    first, last = (
        tags.get(ASSET_PARTITION_RANGE_START_TAG),
        tags.get(ASSET_PARTITION_RANGE_END_TAG),
    )
    if not first or not last:
        first = last = _single(tags)
    ends = [_split(key) for key in (first, last)]
    first, last = ("|".join((name, period_of(month))) for name, month in ends)
    with partition_loading_context(dynamic_partitions_store=instance):
        for instrument, month in ends:
            _check(instrument, month)
        keys = SERIES.get_partition_keys_in_range(dg.PartitionKeyRange(first, last))
    periods = [_split(str(key)) for key in keys]
    return [(name, month) for name, period in periods for month in months_of(period)]


def _single(tags: Mapping[str, str]) -> str:
    parts = {name: tags.get(f"dagster/partition/{name}") for name in ("instrument", "month")}
    if all(parts.values()):
        return f"{parts['instrument']}|{parts['month']}"
    return tags.get(PARTITION_NAME_TAG, "")


def _split(key: str) -> tuple[str, str]:
    instrument, bar, month = key.rpartition("|")
    if not bar:
        raise KeyNotFoundError(
            f"partition {key!r} is not an instrument and a month",
            fix='tag the run with {"dagster/partition/instrument": "binance.BTCUSDT", '
            '"dagster/partition/month": "2023-01"}',
        )
    return instrument, month


def _check(instrument: str, month: str) -> None:
    if not INSTRUMENTS.has_partition_key(instrument):
        raise KeyNotFoundError(
            f"no archive of {instrument!r} has been staged",
            fix="put archives into the inbox and run `ingest`",
        )
    if not MONTHS.has_partition_key(period_of(month)):
        raise KeyNotFoundError(
            f"{month!r} is not a month from {FIRST_MONTH} to now",
            fix="write it like 2023-01, or set FINTS_FIRST_MONTH",
        )
