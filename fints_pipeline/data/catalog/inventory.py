"""Every partition of a lake by what its footer says, read again only where a file changed."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import cached_property, lru_cache, partial
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake import Footer, Lake, TableKey
from fints_pipeline.base.lake.footer import FOOTER_KEY
from fints_pipeline.base.lake.keys import decode_part
from fints_pipeline.base.lake.lake import DATA_FILE
from fints_pipeline.base.lake.tables import tables
from fints_pipeline.data.catalog import index
from fints_pipeline.data.catalog.index import Ranges, Row, Rows, Stamp

EVENTS = "event"
"""What stands for the frequency of tables that have none."""

DAMAGE = (pa.ArrowException, OSError, ValueError, TypeError, LookupError, OverflowError)
"""What reading a damaged Parquet file was seen to raise."""

_QUALITY = "quality"
Quality = dict[str, Any] | None


class Told(NamedTuple):
    """What a partition's file says of itself.

    Attributes:
        footer: The lake's part; of ``extra``, which may be large, the names only.
        schema: Its columns.
        ranges: Smallest and largest value of each time stamp column that has any.
        quality: Cleaning's account of the month, where the partition carries it.
    """

    footer: Footer
    schema: pa.Schema
    ranges: Ranges
    quality: Quality


class Partition:
    """One file of a table; what it says of itself is parsed when it is asked for.

    Args:
        key: Its key.
        path: Its file.
        size: Bytes.
        told: Returns what the file says of itself; called once at most.
        quality: Returns cleaning's account alone, where that is quicker.

    Attributes:
        key: Its key.
        size: Bytes.
    """

    def __init__(
        self,
        key: TableKey,
        path: str,
        size: int,
        told: Callable[[], Told],
        quality: Callable[[], Quality] | None = None,
    ) -> None:
        self.key = key
        self._path = path
        self.size = size
        self._tell = told
        self._account = quality

    @property
    def path(self) -> Path:
        """Its file."""
        return Path(self._path)

    @cached_property
    def told(self) -> Told:
        """What the file says of itself."""
        return self._tell()

    @property
    def footer(self) -> Footer:
        """What it says of itself; of ``extra``, which may be large, the names only."""
        return self.told.footer

    @property
    def schema(self) -> pa.Schema:
        """Its columns."""
        return self.told.schema

    @property
    def ranges(self) -> Ranges:
        """Smallest and largest value of each time stamp column that has any."""
        return self.told.ranges

    @property
    def quality(self) -> Quality:
        """Cleaning's account of the month, where the partition carries it."""
        return self.told.quality if self._account is None else self._account()

    def part(self, name: str) -> str:
        """Return a part of the key, or ``""`` where it has none of that name."""
        return next((value for own, value in self.key.parts if own == name), "")


class Inventory:
    """The partitions of a lake.

    Args:
        lake: The lake.
        is_indexed: Take what an earlier process found of files that are unchanged from the lake's
            index, and keep it up to date. Without, each file is opened once by this object.

    Attributes:
        damaged: Reason by file, of those that could not be read at the last look.
        version: Grows when a look finds a file that is new, changed or gone.
    """

    def __init__(self, lake: Lake, is_indexed: bool = False) -> None:
        self.lake = lake
        self.damaged: dict[Path, str] = {}
        self.version = 0
        self._found: dict[str, tuple[Stamp, Partition]] = {}
        self._indexed: Rows | None = None
        self._is_indexed = is_indexed
        self._start = len(str(lake.root / "_")) - 1  # a root "." is not part of its files' paths
        self._unsaved = 0
        self._held: list[Partition] | None = None

    @contextmanager
    def held(self) -> Iterator[None]:
        """Let every look inside the block return what is there at its start."""
        if self._held is not None:
            yield
            return
        self._held = self.look()
        try:
            yield
        finally:
            self._held = None

    def look(self) -> list[Partition]:
        """Return the partitions that are there now, in path order."""
        if self._held is not None:
            return self._held
        before, damaged = self._found, dict(self.damaged)
        self._found, self.damaged = {}, {}
        if self._is_indexed and not before:
            self._indexed = index.load(self.lake.root)
        for name, stamp in _files(self.lake):
            known = before.get(name)
            if known is None or known[0] != stamp:
                known = self._from_index(name, stamp) or self._from_file(name, stamp)
            if known is not None:
                self._found[name] = known
        self._indexed = None  # what it knew of files that are still the same is in `_found`
        if self._is_indexed and index.is_worth_saving(len(self._found), self._unsaved):
            self._save()
        if _stamps(before) != _stamps(self._found) or damaged != self.damaged:
            self.version += 1
        return [partition for _, partition in self._found.values()]

    def _from_index(self, name: str, stamp: Stamp) -> tuple[Stamp, Partition] | None:
        relative = self._relative(name)
        if self._indexed is None or (relative, stamp) not in self._indexed:
            return None
        own = self._indexed, relative, name
        return stamp, Partition(
            _key(relative), name, stamp[2], partial(_told, *own), partial(_account, *own)
        )

    def _from_file(self, name: str, stamp: Stamp) -> tuple[Stamp, Partition] | None:
        path = Path(name)
        try:
            found = read_partition(_key(self._relative(name)), path)
        except LakeError as error:
            self.damaged[path] = error.what
            return None
        self._unsaved += index.is_exact(found.ranges)
        return stamp, found

    def _save(self) -> None:
        rows = {
            self._relative(name): _row(stamp, partition)
            for name, (stamp, partition) in self._found.items()
            if index.is_exact(partition.ranges)
        }
        index.save(self.lake.root, rows)
        self._unsaved = 0

    def _relative(self, name: str) -> str:
        return name[self._start :]


def _row(stamp: Stamp, partition: Partition) -> Row:
    """Return what the index keeps of a partition."""
    return Row(
        stamp,
        partition.footer.to_json(),
        partition.schema.serialize().to_pybytes(),
        index.ranges_to_json(partition.ranges),
        None if partition.quality is None else json.dumps(partition.quality),
    )


def _told(rows: Rows, name: str, path: str) -> Told:
    """Return what `_row` was made of; where the index is damaged, the file itself is asked."""
    try:
        row = rows[name]
        return Told(
            Footer.from_json(row.footer, path),
            _schema(row.schema),
            index.ranges_from_json(row.ranges),
            None if row.quality is None else json.loads(row.quality),
        )
    except (LakeError, *DAMAGE, AttributeError):
        return _read_again(name, path)


def _account(rows: Rows, name: str, path: str) -> Quality:
    """Return the account of `_told` alone."""
    if (text := rows.quality(name)) is None:
        return None
    try:
        account = json.loads(text)
    except ValueError:
        account = None
    return account if isinstance(account, dict) else _read_again(name, path).quality


def _read_again(name: str, path: str) -> Told:
    """Return what the file itself says, where the index is damaged."""
    return read_partition(_key(name), Path(path)).told


@lru_cache(maxsize=1024)
def _schema(serialised: bytes) -> pa.Schema:
    return pa.ipc.read_schema(pa.py_buffer(serialised))


def read_partition(key: TableKey, path: Path) -> Partition:
    """Return what a partition's file says of itself, without reading its rows.

    Raises:
        LakeError: it is damaged, or not written by this project.
    """
    try:
        metadata = pq.read_metadata(path)
        schema = metadata.schema.to_arrow_schema()
        ranges = _ranges(metadata)
    except DAMAGE as error:
        raise LakeError(f"the partition cannot be read: {error}", where=str(path)) from None
    footer = footer_of(schema, path)
    quality = _quality(footer)
    light = replace(footer, extra=dict.fromkeys(footer.extra, ""), notes={})
    told = Told(light, schema.remove_metadata(), ranges, quality)
    return Partition(key, str(path), path.stat().st_size, lambda: told)


def footer_of(schema: pa.Schema, path: Path) -> Footer:
    """Return the lake's own part of a Parquet schema.

    Raises:
        LakeError: there is none.
    """
    text = (schema.metadata or {}).get(FOOTER_KEY)
    if text is None:
        raise LakeError("the file was not written by this project", where=str(path))
    return Footer.from_json(text, str(path))


def _files(lake: Lake) -> Iterator[tuple[str, Stamp]]:
    for table in tables(lake):
        lake.store.refresh(PurePosixPath(table))
        yield from _below(str(lake.root / table))


def _below(folder: str) -> list[tuple[str, Stamp]]:
    """Return the partitions' files in path order; what goes away meanwhile is left out."""
    found: list[tuple[str, Stamp]] = []
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except (FileNotFoundError, NotADirectoryError):
        return found
    try:
        with os.scandir(descriptor) as entries:
            inside = sorted(
                one.name
                for one in entries
                if one.name == DATA_FILE or ("=" in one.name and one.is_dir())
            )
        for name in inside:
            if name == DATA_FILE:
                with contextlib.suppress(FileNotFoundError):
                    found.append((f"{folder}/{name}", _stamp(name, descriptor)))
            else:
                try:
                    stamp = _stamp(f"{name}/{DATA_FILE}", descriptor)
                except FileNotFoundError:
                    found += _below(f"{folder}/{name}")
                else:
                    found.append((f"{folder}/{name}/{DATA_FILE}", stamp))
    finally:
        os.close(descriptor)
    return found


def _stamp(name: str, folder: int) -> Stamp:
    status = os.stat(name, dir_fd=folder)
    return status.st_ino, status.st_mtime_ns, status.st_size


def _key(path: str) -> TableKey:
    """Return the key of a file by its path, relative to the lake's folder."""
    table, *folders, _ = path.split("/")
    return TableKey(_table(table), tuple(map(_part, folders)))


_table = lru_cache(maxsize=1024)(decode_part)


@lru_cache(maxsize=65_536)
def _part(folder: str) -> tuple[str, str]:
    name, value = folder.split("=", 1)
    return name, decode_part(value)


def _stamps(found: dict[str, tuple[Stamp, Partition]]) -> dict[str, Stamp]:
    return {name: stamp for name, (stamp, _) in found.items()}


def _quality(footer: Footer) -> dict[str, Any] | None:
    try:
        content = json.loads(footer.notes[_QUALITY])
    except (KeyError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _ranges(metadata: pq.FileMetaData) -> dict[str, tuple[datetime, datetime]]:
    """Return the range of each time stamp column, from the statistics of its row groups."""
    ranges: dict[str, tuple[datetime, datetime]] = {}
    for group in range(metadata.num_row_groups):
        for number in range(metadata.num_columns):
            column = metadata.row_group(group).column(number)
            statistics = column.statistics
            if statistics is None or not statistics.has_min_max:
                continue
            low, high = statistics.min, statistics.max
            if isinstance(low, datetime) and low.tzinfo is not None:
                first, last = ranges.get(column.path_in_schema, (low, high))
                ranges[column.path_in_schema] = (min(first, low), max(last, high))
    return ranges
