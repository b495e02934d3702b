"""Tweets in stocknet's layout: a folder a ticker, a file a day, a JSON object a line.

Source: Xu and Cohen (2018), https://github.com/yumoxu/stocknet-dataset. A line holds ``text`` (a
list of words) and ``created_at``, which names the second, in UTC; the day in the file's name says
no more and is not used.
"""

from __future__ import annotations

import json
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import Any

from fints_pipeline.base.errors import FormatError

_CREATED = "%a %b %d %H:%M:%S %z %Y"
_MOST_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Item:
    """One news item.

    Attributes:
        symbol: Ticker that it is about.
        known_at: When it was published, UTC.
        words: Its words.
    """

    symbol: str
    known_at: datetime
    words: tuple[str, ...]


def read_tweets(path: Path) -> Iterator[Item]:
    """Yield the tweets of a tar archive, or of a folder, in the order in which they lie there.

    Nothing is unpacked to disk. The last folder of a file's path is the ticker.

    Raises:
        FormatError: a line is not a tweet, or the archive cannot be read; names file and line.
    """
    for name, content in _files(path):
        symbol = PurePosixPath(name).parent.name
        for number, line in enumerate(content.splitlines(), 1):
            if line.strip():
                yield _item(symbol, line, f"{path.name}: {name}, line {number}")


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    if path.is_dir():
        for file in sorted(each for each in path.rglob("*") if each.is_file()):
            yield file.relative_to(path.parent).as_posix(), file.read_bytes()
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                if not member.isfile():
                    continue
                if member.size > _MOST_BYTES:
                    raise FormatError(
                        f"a member of {member.size} bytes", where=f"{path.name}: {member.name}"
                    )
                stream = archive.extractfile(member)
                if stream is not None:
                    yield member.name, stream.read()
    except (OSError, tarfile.TarError, EOFError) as error:
        raise FormatError(f"the archive cannot be read: {error}", where=str(path)) from None


def _item(symbol: str, line: bytes, where: str) -> Item:
    try:
        content: dict[str, Any] = json.loads(line)
        words = content["text"]
        created = datetime.strptime(content["created_at"], _CREATED)
    except (ValueError, KeyError, TypeError) as error:
        raise FormatError(f"not a tweet: {error!r}", where=where) from None
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise FormatError("`text` is not a list of words", where=where)
    return Item(symbol, created.astimezone(UTC), tuple(words))
