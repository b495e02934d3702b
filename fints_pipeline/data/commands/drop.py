"""Take partitions out of the lake, wherever it lies; without --apply, only say which.

    python -m fints_pipeline.data drop raw_bars/1m/binance.BTCUSDT/2023-01
    python -m fints_pipeline.data drop --apply raw_bars/1m/binance.BTCUSDT/2023-01

A partition is named as `verify` and `migrate` name it. Raw tables that were dropped are read again
by `ingest` from the archives in the inbox; other tables are made again from those.
"""

from __future__ import annotations

import argparse

from fints_pipeline.base.errors import KeyNotFoundError, nearest
from fints_pipeline.base.lake import Lake, TableKey
from fints_pipeline.base.locations import Locations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", nargs="+", help="of a partition: TABLE/PART/…")
    parser.add_argument("--apply", action="store_true", help="take them away")


def run(arguments: argparse.Namespace) -> int:
    """Take away, or list, what is named.

    Raises:
        KeyNotFoundError: one of the names is no partition's; nothing is taken away.
    """
    lake = Locations.from_environment().lake
    keys = [_key(lake, name) for name in arguments.name]
    for key in keys:
        if arguments.apply:
            lake.remove(key)
        print(f"{lake.uri(key)}{': dropped' if arguments.apply else ''}")
    if not arguments.apply:
        print(f"{len(keys)} would go; nothing was removed (--apply does)")
    return 0


def _key(lake: Lake, name: str) -> TableKey:
    keys = {str(key): key for key in lake.keys(name.partition("/")[0])}
    if name not in keys:
        raise KeyNotFoundError(
            f"no partition {name!r}", where=lake.location, fix=nearest(name, list(keys)[:2000])
        )
    return keys[name]
