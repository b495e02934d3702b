"""Partitions that a run could not make: how one step tells the next, and the run in the end."""

import logging
import traceback
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

import dagster as dg

from fints_pipeline.base.errors import UserError
from fints_pipeline.defs.partitions import series_partition

_NOTE = "could not be made"
_MOST_NAMED = 5


@dataclass(frozen=True)
class Unmade:
    """A partition that could not be made.

    Attributes:
        asset: The asset.
        instrument: Whose.
        month: Which; empty when it was none of the instrument's.
        why: The error's message.
        is_mistake: Whether it was something that the user can mend, and no defect.
    """

    asset: str
    instrument: str
    month: str
    why: str
    is_mistake: bool

    def __str__(self) -> str:
        """Return it on one line."""
        return f"{self.asset} {self.instrument} {self.month}".rstrip() + f": {self.why}".replace(
            "\n", ";"
        )

    def observation(self) -> dg.AssetObservation:
        """Return the event that tells the partition's page of it, and the run's later steps."""
        partition = str(series_partition(self.instrument, self.month)) if self.month else None
        metadata: dict[str, Any] = {
            _NOTE: self.why,
            f"{_NOTE}, whole": dg.MetadataValue.json(asdict(self)),
        }
        return dg.AssetObservation(self.asset, partition=partition, metadata=metadata)


def unmade(
    asset: str, instrument: str, month: str, error: Exception, log: logging.Logger
) -> Unmade:
    """Return what an error kept from being made; a defect's traceback goes into the log."""
    is_mistake = isinstance(error, UserError)
    if not is_mistake:
        told = "".join(traceback.format_exception(error))
        log.error(f"{asset} of {instrument} {month} broke:\n{told}")
    why = str(error) if is_mistake else f"{type(error).__name__}: {error}"
    return Unmade(asset, instrument, month, why, is_mistake)


def unmade_before(instance: dg.DagsterInstance, run_id: str) -> list[Unmade]:
    """Return what earlier steps of a run could not make."""
    records = instance.get_records_for_run(
        run_id, of_type=dg.DagsterEventType.ASSET_OBSERVATION
    ).records
    found = []
    for record in records:
        event = record.event_log_entry.get_dagster_event()
        whole = event.asset_observation_data.asset_observation.metadata.get(f"{_NOTE}, whole")
        if isinstance(whole, dg.JsonMetadataValue):
            found.append(Unmade(**cast("dict[str, Any]", whole.data)))
    return found


def summary(asset: str, own: Sequence[Unmade], asked: int, before: Sequence[Unmade]) -> Exception:
    """Return the error that a run fails with.

    Args:
        asset: The asset of the step that raises it.
        own: What this step could not make.
        asked: How many partitions it was asked for.
        before: What earlier steps could not make.
    """
    what = f"{len(own)} of {asked} partitions of {asset} could not be made: "
    if before:
        what = f"{len(own) + len(before)} partitions could not be made: "
    every = [*before, *own]
    what += "\n".join(map(str, every[:_MOST_NAMED]))
    if len(every) > _MOST_NAMED:
        what += f"\n… and {len(every) - _MOST_NAMED} more"
    if not all(each.is_mistake for each in every):
        return RuntimeError(what)
    return UserError(
        what,
        where=", ".join(f"{each.instrument} {each.month}".rstrip() for each in every[:_MOST_NAMED]),
        fix="what could be made is there; mend the cause and run again, only the rest is made",
    )
