"""Settling runs time and again, whatever happens to the database meanwhile."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import dagster as dg


def settle_and_tell(instance: dg.DagsterInstance, *, launching: bool = True) -> None:
    """Settle what has died and say so; a database that is away is asked the next time.

    Args:
        instance: Where runs are recorded.
        launching: Whether something may be launching runs right now.
    """
    from fints_pipeline.defs.database import is_away
    from fints_pipeline.defs.settling import settle

    try:
        for run in settle(instance, time.time(), launching=launching):
            print(f"settled run {run.run_id}: {run.why}", flush=True)
    except Exception as error:
        if not is_away(error):
            raise
        print(f"Dagster's database is away, trying again: {error}", flush=True)
