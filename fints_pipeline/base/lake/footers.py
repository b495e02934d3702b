"""Snapshots of a lake's footers, each footer read again only where its file changed.

Asking the lake about every partition opens every file. A look walks the folders, or lists the
bucket, and takes what it knows from the look before: in this process, or from an index that is kept
in the lake as ``.index/footers.parquet``. The index is a cache: a row counts only while the file's
stamp (inode, time and size, or ETag) is the same, so a lost, old or damaged one costs time.

A partition whose file cannot be read is left out and noted in the snapshot. It is in no index: its
file is read again at every look, so that a passing fault is not held against it.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from pathlib import PurePosixPath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from fints_pipeline.base.errors import DamagedError, LakeError
from fints_pipeline.base.lake.damage import damaged
from fints_pipeline.base.lake.footer import FOOTER_KEY, Footer
from fints_pipeline.base.lake.keys import TableKey, decode_part
from fints_pipeline.base.lake.lake import DATA_FILE, Lake
from fints_pipeline.base.lake.snapshot import SCHEMA, Entry, Snapshot, table_of

INDEX = PurePosixPath(".index/footers.parquet")
LEAST = 1000
"""Partitions below which the index is not worth its file."""
_MOST_UNSAVED = 500
_LAYOUT = b"3"


class Footers:
    """Takes snapshots of a lake, and keeps the index.

    Args:
        lake: The lake.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._known: pa.Table | None = None
        self._last: Snapshot | None = None
        self._damaged: dict[TableKey, str] = {}
        self._unsaved = 0

    def look(self, tables: Iterable[str]) -> Snapshot:
        """Return what some tables hold now: the last snapshot itself, if nothing has changed.

        Raises:
            LakeError: the lake cannot be read.
        """
        store = self._lake.store
        found = [one for name in tables for one in store.stamps(PurePosixPath(name), DATA_FILE)]
        listed = pa.table(
            {
                "path": pa.array([path for path, _ in found], pa.string()),
                "stamp": pa.array([stamp for _, stamp in found], pa.string()),
            }
        )
        known = self._load() if self._known is None else self._known
        self._damaged = {}
        if listed.equals(known.select(["path", "stamp"])):
            return self._snapshot(known)
        found = self._brought_up_to_date(known, listed)
        if len(found) >= LEAST and self._unsaved > min(_MOST_UNSAVED, len(found) // 20):
            self._save(found)
        return self._snapshot(known if found.equals(known) else found)

    def _snapshot(self, known: pa.Table) -> Snapshot:
        """Return the last snapshot if it says this; otherwise a new one, which is the last now."""
        if self._last is None or known is not self._known or self._damaged != self._last.damaged:
            self._last = Snapshot(known, self._damaged)
        self._known = known
        return self._last

    def _brought_up_to_date(self, known: pa.Table, listed: pa.Table) -> pa.Table:
        """Return the rows of what is listed, those that are not known read from their files."""
        rows = pc.index_in(listed["path"], known["path"].combine_chunks()).combine_chunks()
        same = pc.equal(known["stamp"].combine_chunks().take(rows), listed["stamp"])
        is_known = same.fill_null(False).combine_chunks()
        places, entries = [], []
        for place in np.flatnonzero(~is_known.to_numpy(zero_copy_only=False)).tolist():
            path, stamp = listed["path"][place].as_py(), listed["stamp"][place].as_py()
            if (entry := self._read(path, stamp)) is not None:
                places.append(place)
                entries.append(entry)
        self._unsaved += len(entries)
        kept = known.take(rows.filter(is_known))
        order = np.argsort(np.r_[np.flatnonzero(is_known), np.asarray(places, dtype=np.int64)])
        found = pa.concat_tables([kept, table_of(entries)]).combine_chunks()
        return found.take(pa.array(order)).combine_chunks()

    def _read(self, path: str, stamp: str) -> Entry | None:
        """Return what a footer says; None if the file has gone since it was listed, or is damaged.

        Raises:
            LakeError: the lake cannot be read.
        """
        try:
            local = self._lake.store.fetch(PurePosixPath(path) / DATA_FILE)
            metadata = pq.read_metadata(local).metadata or {}
            if FOOTER_KEY not in metadata:
                raise DamagedError("the file was not written by this project")
            return Entry.of(path, stamp, Footer.from_json(metadata[FOOTER_KEY], path))
        except FileNotFoundError:
            pass
        except DamagedError as error:
            self._note(path, error.what)
        except (pa.ArrowException, OSError) as error:
            self._note(path, error)
        return None

    def _note(self, path: str, reason: object) -> None:
        """Keep what is wrong with a partition."""
        table, *parts = path.split("/")
        pairs = (part.partition("=") for part in parts)
        key = TableKey(decode_part(table), tuple((n, decode_part(value)) for n, _, value in pairs))
        self._damaged[key] = str(damaged(key, reason, self._lake.uri(key)))

    def _load(self) -> pa.Table:
        try:
            table = pq.read_table(self._lake.store.fetch(INDEX), page_checksum_verification=True)
        except (FileNotFoundError, pa.ArrowException, OSError, ValueError):
            return table_of([])  # a cache: without it every footer is read once
        return table.combine_chunks() if _is_sound(table) else table_of([])

    def _save(self, known: pa.Table) -> None:
        table = known.replace_schema_metadata({b"layout": _LAYOUT})
        try:
            with self._lake.store.replacing(INDEX) as temporary:
                pq.write_table(table, temporary, compression="zstd", write_page_checksum=True)
        except LakeError:
            return  # a lake that is full or may only be read is looked at all the same
        self._unsaved = 0


def _is_sound(index: pa.Table) -> bool:
    """Return whether an index is of this layout, and whole."""
    if (index.schema.metadata or {}).get(b"layout") != _LAYOUT:
        return False
    if not index.schema.equals(SCHEMA) or any(column.null_count for column in index.columns):
        return False
    lengths = (pc.list_value_length(index[name]) for name in ("inputs", "used"))
    return bool(pc.all(pc.equal(*lengths)).as_py() in (True, None))


@lru_cache(maxsize=4)
def footers_of(location: str, root: str) -> Footers:
    """Return what this process keeps of a lake's footers from one look to the next.

    Args:
        location: The lake's address.
        root: Its folder on this machine.
    """
    return Footers(Lake(location))
