"""Read the whole lake and list what is damaged, of an older schema, or stale.

    python -m fints_pipeline.data verify

Every partition is hashed anew and held against the digest in its footer, every file of a bundle
against its SHA-256; schemas against this version's; the inputs that each was made from against what
lies in the lake now. Nothing is changed. The exit status is 1 when anything is found.
"""

from __future__ import annotations

import argparse
from collections import Counter

from fints_pipeline.base.locations import Locations
from fints_pipeline.data.maintenance import verify


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments: there are none."""


def run(arguments: argparse.Namespace) -> int:
    """Print what is wrong."""
    lake = Locations.from_environment().lake
    found: Counter[str] = Counter()
    for finding in verify(lake):
        found[finding.kind] += 1
        print(f"{finding.kind}: {finding.name}: {finding.reason}")
        print(f"  fix: {finding.fix}")
    summary = ", ".join(f"{count} {kind}" for kind, count in sorted(found.items()))
    print(f"{lake.location}: {summary or 'all is well'}")
    return 1 if found else 0
