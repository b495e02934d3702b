"""Tell what to do about partitions of another version's schema; with --apply, do what can be done.

    python -m fints_pipeline.data migrate
    python -m fints_pipeline.data migrate --apply

Rows that satisfy this version's schema are written anew with their own lineage; for the others the
command that rebuilds them is printed. The exit status is 1 while any is left.
"""

from __future__ import annotations

import argparse

from fints_pipeline.base.locations import Locations
from fints_pipeline.data.maintenance import apply, plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--apply", action="store_true", help="write anew what fits")


def run(arguments: argparse.Namespace) -> int:
    """Print, and apply where asked to."""
    lake = Locations.from_environment().lake
    left = done = 0
    for migration in plan(lake):
        if migration.fits and arguments.apply:
            apply(lake, migration)
            done += 1
            print(f"{migration.key}: migrated")
            continue
        left += 1
        if migration.fits:
            print(f"{migration.key}: fits this version's schema; --apply writes it so")
        else:
            print(f"{migration.key}: {migration.reason}")
            print(f"  rebuild: {migration.command}")
    print(
        f"{lake.location}: {done} migrated, {left} left"
        if done or left
        else f"{lake.location}: current"
    )
    return 1 if left else 0
