"""The whole pipeline on a synthetic market, or on a folder of one's own archives.

    python -m fints_pipeline.demo                   three SYNTHETIC symbols, seed 0
    python -m fints_pipeline.demo --data FOLDER     your archives; they stay where they are

With a folder, every configured experiment whose instruments the folder brings is run; for a data
set that has none, one is written to ``configs/train/own_<dataset>.yaml`` from the demo's, for you
to change.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace

from fints_pipeline import pipeline
from fints_pipeline.base import cli
from fints_pipeline.base.digest import file_sha256
from fints_pipeline.base.locations import Locations

SEED = 0
"""Fixed in advance: whatever the verdict finds on this market is what the demo prints."""


def run_synthetic(locations: Locations) -> None:
    """Make the synthetic market's archives in the inbox and run the demo's experiment."""
    from fints_pipeline.data.synthetic import make_market

    print("SYNTHETIC market: three made-up symbols, seed 0; nothing below is about a real one.")
    make_market(locations.inbox / "synthetic", seed=SEED)
    pipeline.run(locations, ["demo"])


def run_own(locations: Locations, folder: str) -> None:
    """Run the pipeline on the archives in ``folder``.

    Raises:
        UserError: the folder is not there, or none of its archives could be read.
    """
    from fints_pipeline.data import inbox
    from fints_pipeline.experiments import experiments_for

    locations = replace(locations, inbox=inbox.resolve(folder))
    with pipeline.opened(locations) as (launcher, progress):
        pipeline.ingest_and_build(launcher, locations, progress)
        names = experiments_for(locations, _brought(locations))
        pipeline.train_and_test(launcher, locations, names, progress)
    pipeline.summarise(locations, names)


def _brought(locations: Locations) -> list[str]:
    """Return the instruments that the inbox's archives hold rows of."""
    from fints_pipeline.data import inbox

    found = inbox.scan(locations.inbox).deliveries
    archives = {f"archives/{file_sha256(delivery.path)}" for delivery in found}
    lake = locations.lake
    return sorted(
        {
            key["instrument"]
            for key in lake.keys("raw_bars")
            if archives & set(lake.footer(key).lineage.inputs)
        }
    )


def main(argv: Sequence[str] | None = None) -> None:
    """Parse the command line and run the demo."""
    parser = argparse.ArgumentParser(
        prog="python -m fints_pipeline.demo",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", metavar="FOLDER", help="folder of your own archives")
    arguments = parser.parse_args(argv)
    locations = Locations.from_environment()
    if arguments.data:
        run_own(locations, arguments.data)
    else:
        run_synthetic(locations)


if __name__ == "__main__":
    sys.exit(cli.run(main))
