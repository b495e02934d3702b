"""Which tables a lake holds."""

from pathlib import PurePosixPath

from fints_pipeline.base.lake.lake import Lake

NOT_TABLES = frozenset({"bundles", "staging", "quarantine", "inbox"})
"""Folders of a lake that hold something else than tables."""


def tables(lake: Lake) -> list[str]:
    """Return the names of the tables that the lake's root holds, sorted."""
    names = lake.store.folders(PurePosixPath())
    return sorted(
        name
        for name in names
        if name not in NOT_TABLES
        and not name.startswith(".")
        and any("=" in part for part in lake.store.folders(PurePosixPath(name)))
    )
