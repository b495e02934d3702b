"""Settling runs and removing what they left, whatever happens to database and disk meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from fints_pipeline.base.errors import UserError

if TYPE_CHECKING:
    import dagster as dg


def settle_and_tell(instance: dg.DagsterInstance, *, launching: bool = True) -> None:
    """Settle what has died, remove what it left unfinished, and say so.

    A database that is away is asked the next time.

    Args:
        instance: Where runs are recorded.
        launching: Whether something may be launching runs right now.
    """
    from fints_pipeline.defs.database import is_away
    from fints_pipeline.defs.settling import settle

    try:
        settled = settle(instance, time.time(), launching=launching)
    except Exception as error:
        if not is_away(error):
            raise
        print(f"Dagster's database is away, trying again: {error}", flush=True)
        return
    for run in settled:
        print(f"settled run {run.run_id}: {run.why}", flush=True)
    if settled:
        sweep_and_tell()


def sweep_and_tell() -> None:
    """Remove what killed processes left unfinished on this machine, and say so.

    What is being written stays: who writes holds a lock. A disk that fails ends no service.
    """
    from fints_pipeline.base.locations import Locations
    from fints_pipeline.base.scratch import sweep_scratch

    try:
        for path in [*Locations.from_environment().lake.sweep(), *sweep_scratch()]:
            print(f"removed {path}: left unfinished by a killed process", flush=True)
    except (OSError, UserError) as error:
        print(f"what killed processes left cannot be removed: {error}", flush=True)
