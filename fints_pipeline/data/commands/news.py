"""Read tweets in stocknet's layout into the lake, scored with the sentiment lexicon.

    python -m fints_pipeline.data news stocknet tweets.tar.gz

A tweet about AAPL becomes a row about the instrument DATASET.AAPL, known from its own second on.
The same archive again changes nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fints_pipeline.base.digest import file_sha256, text_digest
from fints_pipeline.base.locations import Locations


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("dataset", metavar="DATASET", help="data set of the instruments")
    parser.add_argument("path", metavar="PATH", type=Path, help="a tar archive, or a folder")


def run(arguments: argparse.Namespace) -> int:
    """Ingest the tweets."""
    from fints_pipeline.data.news import ingest, read_tweets

    path: Path = arguments.path
    items = list(read_tweets(path))
    digest = _digest(path)
    made = ingest(Locations.from_environment().lake, arguments.dataset, items, path.name, digest)
    for instrument in sorted({name for name, _ in made}):
        own = [
            (month, footer.rows)
            for (name, month), footer in sorted(made.items())
            if name == instrument
        ]
        rows = sum(count for _, count in own)
        print(f"{instrument}: {rows} items, {own[0][0]} to {own[-1][0]}")
    print(f"{len(items)} items read")
    return 0


def _digest(path: Path) -> str:
    if path.is_file():
        return file_sha256(path)
    files = sorted(each for each in path.rglob("*") if each.is_file())
    return text_digest(*(f"{file.relative_to(path)}={file_sha256(file)}" for file in files))
