"""Read news items into the lake, from wherever they lie, scored with the sentiment lexicon.

    python -m fints_pipeline.data news stocknet tweets.tar.gz

`ingest` does the same with files in the inbox. The source is described in configs/news/SOURCE.yaml:
where its files keep an item's time, text and symbol. An item about AAPL becomes a row about
SOURCE.AAPL, known from its own second on. The same archive again changes nothing. A folder is
packed first.
"""

from __future__ import annotations

import argparse
import gzip
import tarfile
from pathlib import Path

from fints_pipeline.base.config import load_config
from fints_pipeline.base.locations import Locations
from fints_pipeline.base.scratch import scratch


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("source", metavar="SOURCE", help="a file of configs/news")
    parser.add_argument(
        "path", metavar="PATH", type=Path, help="JSON lines, a table, an archive of them, a folder"
    )


def run(arguments: argparse.Namespace) -> int:
    """Ingest the items."""
    from fints_pipeline.data.limits import load_limits
    from fints_pipeline.data.news import NewsConfig
    from fints_pipeline.data.outside_building import ingest_file

    locations = Locations.from_environment()
    config = load_config(locations.news_config(arguments.source), NewsConfig)
    path: Path = arguments.path
    with scratch("news") as folder:
        if path.is_dir():
            path = _packed(path, folder / f"{path.name}.tar.gz")
        intake = ingest_file(locations.lake, path, config, load_limits(locations))
    rows = f"{intake.delivery.rows} items read" if intake.read else "read before: nothing changed"
    for instrument in intake.delivery.instruments:
        print(f"{instrument}: {_held(locations, instrument)}")
    print(rows)
    return 0


def _held(locations: Locations, instrument: str) -> str:
    from fints_pipeline.data.news.partition import FREQUENCY, TABLE, news_key

    lake = locations.lake
    months = lake.months(TABLE, FREQUENCY, instrument)
    items = sum(lake.footer(news_key(instrument, month)).rows for month in months)
    return f"{items} items in the lake, {months[0]} to {months[-1]}"


def _packed(folder: Path, target: Path) -> Path:
    """Pack a folder so that the same content gives the same archive."""
    with (
        gzip.GzipFile(target, "wb", compresslevel=1, mtime=0) as stream,
        tarfile.open(fileobj=stream, mode="w") as archive,
    ):
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            member = tarfile.TarInfo(path.relative_to(folder.parent).as_posix())
            member.size = path.stat().st_size
            with path.open("rb") as content:
                archive.addfile(member, content)
    return target
