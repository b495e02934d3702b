"""Read a file of an exogenous series into the lake, from wherever it lies.

    python -m fints_pipeline.data exogenous vix vix-daily.csv

`ingest` does the same with files in the inbox.
The series is described in configs/exogenous/NAME.yaml: its file's columns, when its periods end and
how long after that a value is known. The same file again changes nothing; a restated value is kept
beside the one that it restates, known from its file's modification time on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fints_pipeline.base.config import load_config
from fints_pipeline.base.locations import Locations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", metavar="NAME", help="the series: a file of configs/exogenous")
    parser.add_argument(
        "file", metavar="FILE", type=Path, help="CSV, Parquet or Feather, or an archive of them"
    )


def run(arguments: argparse.Namespace) -> int:
    """Ingest the file."""
    from fints_pipeline.data.exogenous import ExogenousConfig, series_key_of
    from fints_pipeline.data.limits import load_limits
    from fints_pipeline.data.outside_building import ingest_file

    locations = Locations.from_environment()
    config = load_config(locations.exogenous_config(arguments.name), ExogenousConfig)
    ingest_file(locations.lake, arguments.file, config, load_limits(locations))
    footer = locations.lake.footer(series_key_of(config))
    print(f"{series_key_of(config)}: {footer.rows} rows, digest {footer.digest[:12]}")
    return 0
