"""List what nothing in the lake refers to; with --apply, remove it.

    python -m fints_pipeline.data gc
    python -m fints_pipeline.data gc --apply

That is: unpacked archives from which no row comes, temporary files of killed processes, locks of
partitions that do not exist, and versions of bundles that a newer one has replaced or that were
never published; in a bucket also locks of the dead and uploads that were never completed. What was
touched within the last hour stays, since a writer may be at work on it, and so does what is locked.
Archives in the inbox, tables and quarantine records are never removed. Killed, it goes on the next
time. Of a lake in a bucket, archives and temporary files are those of this machine.
"""

from __future__ import annotations

import argparse

from fints_pipeline.base.locations import Locations
from fints_pipeline.data.commands._table import print_table
from fints_pipeline.data.maintenance import collect, find_garbage
from fints_pipeline.data.maintenance.collection import MIN_AGE_HOURS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--apply", action="store_true", help="remove what is listed")
    parser.add_argument(
        "--min-age",
        metavar="HOURS",
        type=float,
        default=MIN_AGE_HOURS,
        help=f"leave alone what was touched since (default: {MIN_AGE_HOURS:g})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print what can go, or what went."""
    lake = Locations.from_environment().lake
    found = (collect if arguments.apply else find_garbage)(lake, arguments.min_age)
    rows = [(one.kind, str(one.path), one.size, one.reason) for one in found]
    print_table(("kind", "path", "bytes", "why"), rows)
    size = sum(one.size for one in found) / 1e6
    if arguments.apply:
        print(f"removed {len(found)}, {size:.1f} MB")
    else:
        print(f"{len(found)} can go, {size:.1f} MB; nothing was removed (--apply does)")
    return 0
