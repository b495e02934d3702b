"""What lies in the inbox and is not staged yet. Needs no Dagster, and reads no archive."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fints_pipeline.base.config import load_config
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.locations import Locations

if TYPE_CHECKING:
    from fints_pipeline.data.inbox import Scan

MOST_NAMED = 5


def arriving(locations: Locations) -> list[str]:
    """Return the files of the inbox that `ingest` would read, by their paths below it.

    Raises:
        UserError: what `ingest` would end by: a wrong config, or an inbox that cannot be read.
    """
    from fints_pipeline.data import inbox

    if not locations.inbox.is_dir():
        return []
    found = inbox.scan(locations.inbox)
    return _unstaged(locations, found) if found.deliveries else []


def missing(locations: Locations, *, staged: bool) -> str | None:
    """Return what to say of the inbox where it does not exist; None where nothing is amiss.

    A project may do without once it has data, but not without a folder that was named on purpose.

    Args:
        locations: Lake, and an inbox that is no folder.
        staged: Whether the lake holds rows of any archive.
    """
    beside = locations.lake_root / "inbox" if isinstance(locations.lake_root, Path) else "inbox"
    if staged and locations.inbox == Path(beside):
        return None
    where = locations.inbox.absolute()
    return (
        f"there is no inbox {where}: put archives into {where}/<dataset>/, or set FINTS_INBOX to "
        "the folder that holds them"
    )


def told(files: list[str]) -> str:
    """Return one line about files that are to be ingested; it names the first few."""
    what = "1 file in the inbox is" if len(files) == 1 else f"{len(files)} files in the inbox are"
    more = [f"and {len(files) - MOST_NAMED} more"] * (len(files) > MOST_NAMED)
    return f"{what} to be ingested first: {', '.join([*files[:MOST_NAMED], *more])}"


def _unstaged(locations: Locations, found: Scan) -> list[str]:
    # Only here: the readers of archives take a while to load.
    from fints_pipeline.data.config import DatasetConfig
    from fints_pipeline.data.limits import load_limits
    from fints_pipeline.data.outside import load_outside
    from fints_pipeline.data.staging import unstaged

    paths = locations.dataset_configs()
    if not paths:
        raise UserError("no data set is configured", where=str(locations.configs / "data"))
    datasets = [load_config(path, DatasetConfig, section="dataset") for path in paths]
    limits, others = load_limits(locations), load_outside(locations)
    waiting = unstaged(found, locations.lake, datasets, limits, others)
    return [delivery.relative for delivery in waiting]
