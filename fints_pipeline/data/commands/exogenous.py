"""Read a file of an exogenous series into the lake.

    python -m fints_pipeline.data exogenous vix vix-daily.csv

The series is described in configs/exogenous/NAME.yaml: its file's columns, when its periods end and
how long after that a value is known. The same file again changes nothing; a restated value is kept
beside the one that it restates, known from its file's modification time on.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fints_pipeline.base.config import load_config
from fints_pipeline.base.errors import KeyNotFoundError, nearest
from fints_pipeline.base.locations import Locations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", metavar="NAME", help="the series: a file of configs/exogenous")
    parser.add_argument("file", metavar="FILE", type=Path, help="CSV or Parquet")


def run(arguments: argparse.Namespace) -> int:
    """Ingest the file."""
    from fints_pipeline.data.exogenous import ExogenousConfig, ingest, series_key_of

    locations = Locations.from_environment()
    folder = locations.configs / "exogenous"
    path = folder / f"{arguments.name}.yaml"
    if not path.is_file():
        known = [other.stem for other in folder.glob("*.yaml")]
        raise KeyNotFoundError(
            f"no exogenous series {arguments.name!r}",
            where=str(path),
            fix=nearest(arguments.name, known) or "write that file",
        )
    config = load_config(path, ExogenousConfig)
    footer = ingest(locations.lake, config, arguments.file)
    print(f"{series_key_of(config)}: {footer.rows} rows, digest {footer.digest[:12]}")
    return 0
