"""What all footers of a lake say at one moment, each read again only where its file changed.

Asking the lake about every partition opens every file. A snapshot walks the folders, or lists the
bucket, and takes what it knows from the look before: in this process, or from an index that is kept
in the lake as ``.index/footers.parquet``. The index is a cache: an entry counts only while the
file's stamp (inode, time and size, or ETag) is the same, so a lost, old or damaged one costs time.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from pathlib import PurePosixPath
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from fints_pipeline.base.errors import LakeError
from fints_pipeline.base.lake.footer import FOOTER_KEY, Footer, Lineage
from fints_pipeline.base.lake.keys import TableKey, decode_part
from fints_pipeline.base.lake.lake import DATA_FILE, Lake

INDEX = PurePosixPath(".index/footers.parquet")
LEAST = 1000
"""Partitions below which the index is not worth its file."""
_MOST_UNSAVED = 500
_LAYOUT = b"2"
_COLUMNS = ("path", "stamp", "digest", "carried", "code", "config", "inputs")
_SCHEMA = pa.schema(
    [(name, pa.string()) for name in _COLUMNS],
    metadata={b"layout": _LAYOUT},
)


class Entry(NamedTuple):
    """What is kept of one partition: its file's stamp and what its footer says of its making.

    ``inputs`` is JSON, since few of them are ever looked at.
    """

    stamp: str
    digest: str
    carried: str
    code: str
    config: str
    inputs: str


class Snapshot:
    """Partitions as they were at a look.

    Args:
        entries: By the path of the partition's folder, relative to the lake's root.
    """

    def __init__(self, entries: dict[str, Entry]) -> None:
        self._entries: dict[str, Entry] = {}
        self._months: dict[str, list[str]] = defaultdict(list)
        for path, entry in entries.items():
            name = _name(path)
            self._entries[name] = entry
            series, _, month = name.rpartition("/")
            self._months[series].append(month)
        for months in self._months.values():
            months.sort()

    def exists(self, key: TableKey) -> bool:
        """Return whether the partition was there."""
        return str(key) in self._entries

    def digest(self, key: TableKey) -> str:
        """Return the digest of a partition that was there."""
        return self._entries[str(key)].digest

    def carried(self, key: TableKey) -> str:
        """Return the digest of what a partition that was there hands on."""
        return self._entries[str(key)].carried

    def lineage(self, key: TableKey) -> Lineage:
        """Return where a partition that was there came from."""
        entry = self._entries[str(key)]
        return Lineage(entry.code, entry.config, json.loads(entry.inputs))

    def months(self, table: str, freq: str, instrument: str) -> list[str]:
        """Return the months that were there, ascending."""
        return self._months.get(f"{table}/{freq}/{instrument}", [])

    def stamps(self) -> Iterable[tuple[str, str]]:
        """Return each partition's name, as lineage spells it, with its file's stamp."""
        return ((name, entry.stamp) for name, entry in self._entries.items())


class Footers:
    """Takes snapshots of a lake, and keeps the index.

    Args:
        lake: The lake.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: dict[str, Entry] | None = None
        self._last: Snapshot | None = None
        self._unsaved = 0

    def look(self, tables: Iterable[str]) -> Snapshot:
        """Return what some tables hold now: the last snapshot itself, if nothing has changed.

        Raises:
            LakeError: a partition is damaged, or the lake cannot be read.
        """
        known = self._load() if self._known is None else self._known
        found: dict[str, Entry] = {}
        changed = self._last is None
        for table in tables:
            for path, stamp in self._lake.store.stamps(PurePosixPath(table), DATA_FILE):
                entry = known.get(path)
                if entry is None or entry.stamp != stamp:
                    entry = self._read(path, stamp)
                    self._unsaved += 1
                    changed = True
                if entry is not None:
                    found[path] = entry
        self._known = found
        if self._last is not None and not changed and len(found) == len(known):
            return self._last
        if len(found) >= LEAST and self._unsaved > min(_MOST_UNSAVED, len(found) // 20):
            self._save(found)
        self._last = Snapshot(found)
        return self._last

    def _read(self, path: str, stamp: str) -> Entry | None:
        """Return what a footer says; None if the file has gone since it was listed."""
        try:
            local = self._lake.store.fetch(PurePosixPath(path) / DATA_FILE)
            metadata = pq.read_metadata(local).metadata or {}
        except FileNotFoundError:
            return None
        except (pa.ArrowException, OSError) as error:
            raise LakeError(f"the partition cannot be read: {error}", where=path) from None
        if FOOTER_KEY not in metadata:
            raise LakeError("the file was not written by this project", where=path)
        footer = Footer.from_json(metadata[FOOTER_KEY], path)
        made = footer.lineage
        inputs = json.dumps(dict(made.inputs), sort_keys=True)
        return Entry(
            stamp,
            footer.digest,
            footer.carried,
            made.code_version,
            made.config_fingerprint,
            inputs,
        )

    def _load(self) -> dict[str, Entry]:
        try:
            table = pq.read_table(self._lake.store.fetch(INDEX))
        except (FileNotFoundError, pa.ArrowException, OSError):
            return {}  # a cache: without it every footer is read once
        if (table.schema.metadata or {}).get(b"layout") != _LAYOUT:
            return {}
        columns = [table[name].to_pylist() for name in _SCHEMA.names]
        return {path: Entry(*rest) for path, *rest in zip(*columns, strict=True)}

    def _save(self, entries: dict[str, Entry]) -> None:
        rows = [(path, *entry) for path, entry in entries.items()]
        columns = [pa.array(column, pa.string()) for column in zip(*rows, strict=True)]
        try:
            with self._lake.store.replacing(INDEX) as temporary:
                pq.write_table(pa.table(columns, schema=_SCHEMA), temporary, compression="zstd")
        except LakeError:
            return  # a lake that is full or may only be read is looked at all the same
        self._unsaved = 0


@lru_cache(maxsize=4)
def footers_of(location: str, root: str) -> Footers:
    """Return what this process keeps of a lake's footers from one look to the next.

    Args:
        location: The lake's address.
        root: Its folder on this machine.
    """
    return Footers(Lake(location))


def _name(path: str) -> str:
    """Return a partition's name, as lineage spells it, from its folder."""
    table, *parts = path.split("/")
    return "/".join((table, *map(_value, parts)))


@lru_cache(maxsize=65_536)
def _value(part: str) -> str:
    return decode_part(part.partition("=")[2])
