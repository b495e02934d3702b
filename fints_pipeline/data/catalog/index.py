"""What an inventory knew of a lake's files when it last looked, kept for the next process.

The index lies beside the files that it speaks of, as ``.index/partitions.parquet`` in the lake's
folder (of a bucket: in the folder of its copies). It is a cache: a row counts only while its file's
inode, time and size are the same, so a lost, old or damaged index costs time and nothing else.
Files that could not be read have no row: they are tried again, and told of, at every look.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.parquet as pq

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake.atomic import replacing
from fints_pipeline.base.lake.footer import LAYOUT

Stamp = tuple[int, int, int]
"""Inode, time of the last change in nanoseconds, and size."""
Ranges = dict[str, tuple[datetime, datetime]]

INDEX = Path(".index/partitions.parquet")
LEAST = 1000
"""Files below which the index is not worth its own."""
_MOST_UNSAVED = 500
_UTC = ZoneInfo("UTC")
_SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("inode", pa.uint64()),
        ("time", pa.int64()),
        ("size", pa.int64()),
        ("footer", pa.string()),
        ("schema", pa.binary()),
        ("ranges", pa.string()),
        ("quality", pa.string()),
    ],
    metadata={b"layout": f"1.{LAYOUT}".encode()},
)


class Row(NamedTuple):
    """What is kept of one file; text is JSON, since few of them are ever looked at twice.

    Attributes:
        stamp: Which file it was.
        footer: Its footer, of ``extra`` the names only, without notes.
        schema: Its columns, as Arrow serialises them.
        ranges: First and last value by time stamp column.
        quality: Cleaning's account; None where there is none.
    """

    stamp: Stamp
    footer: str
    schema: bytes
    ranges: str
    quality: str | None


def is_exact(ranges: Ranges) -> bool:
    """Return whether the index can hold these moments: nanoseconds, as of pandas, it cannot."""
    return all(type(one) is datetime for ends in ranges.values() for one in ends)


def is_worth_saving(files: int, read: int) -> bool:
    """Return whether ``read`` files that no index knew are enough to write one of ``files``."""
    return files >= LEAST and read > min(_MOST_UNSAVED, files // 20)


class Rows:
    """The rows of an index by path; their texts stay columns until one is asked for.

    Args:
        table: The index, in the columns of its schema.
    """

    def __init__(self, table: pa.Table) -> None:
        paths, inodes, times, sizes = (table[name].to_pylist() for name in _SCHEMA.names[:4])
        self._stamps = dict(zip(paths, zip(inodes, times, sizes, strict=True), strict=True))
        self._places = {path: place for place, path in enumerate(paths)}
        self._texts = [table[name].combine_chunks() for name in _SCHEMA.names[4:]]

    def __contains__(self, file: tuple[str, Stamp]) -> bool:
        """Return whether the index knows a file by path and stamp."""
        path, stamp = file
        return self._stamps.get(path) == stamp

    def __getitem__(self, path: str) -> Row:
        """Return the row of a path, relative to the lake's folder."""
        place = self._places[path]
        return Row(self._stamps[path], *(column[place].as_py() for column in self._texts))

    def quality(self, path: str) -> str | None:
        """Return one text of `Row` alone."""
        text: str | None = self._texts[-1][self._places[path]].as_py()
        return text


def load(root: Path) -> Rows:
    """Return what the index knows; nothing without a sound one."""
    empty = _SCHEMA.empty_table()
    try:
        table = pq.read_table(
            root / INDEX, read_dictionary=["schema"], page_checksum_verification=True
        )
        layout = (table.schema.metadata or {}).get(b"layout")
        is_sound = table.column_names == _SCHEMA.names and layout == _SCHEMA.metadata[b"layout"]
        return Rows(table if is_sound else empty)
    except (pa.ArrowException, OSError, ValueError):
        return Rows(empty)  # a cache: without it every file is opened once


def save(root: Path, rows: Mapping[str, Row]) -> None:
    """Replace the index; a lake that is full or may only be read goes without."""
    flat = ((path, *row.stamp, *row[1:]) for path, row in rows.items())
    columns = zip(zip(*flat, strict=True), _SCHEMA, strict=True)
    try:
        table = pa.table([pa.array(one, field.type) for one, field in columns], schema=_SCHEMA)
        with replacing(root / INDEX) as temporary:
            pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
    except (LakeError, UnicodeEncodeError):
        return  # also where a folder's name is no text: the files are looked at all the same


def ranges_to_json(ranges: Ranges) -> str:
    """Return ranges as JSON, moments in ISO 8601."""
    return json.dumps({name: [one.isoformat() for one in ends] for name, ends in ranges.items()})


def ranges_from_json(text: str) -> Ranges:
    """Parse what `ranges_to_json` wrote."""
    return {
        name: (_moment(first), _moment(last)) for name, (first, last) in json.loads(text).items()
    }


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=_UTC)  # as pyarrow's statistics have it
