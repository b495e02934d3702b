"""One small reader and writer for every table of the project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path, PurePosixPath
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from fints_pipeline.base.digest import table_digest, text_digest
from fints_pipeline.base.errors import DamagedError, KeyNotFoundError, nearest
from fints_pipeline.base.lake import bundles
from fints_pipeline.base.lake.bundles import BundleKey, BundleManifest
from fints_pipeline.base.lake.contract import TableValidator
from fints_pipeline.base.lake.damage import damaged
from fints_pipeline.base.lake.footer import FOOTER_KEY, Footer, Lineage
from fints_pipeline.base.lake.keys import TableKey, decode_part, encode_part, series_key
from fints_pipeline.base.lake.store import Store, open_store

DATA_FILE = "data.parquet"


class Lake:
    """Hive-partitioned Parquet, one file a partition, in a folder or in a bucket.

    A write validates, stamps digest, schema and lineage into the file's footer, and becomes visible
    in one step; a reader sees the old content or the new, never a mixture.

    Args:
        location: The lake's folder, made on first write, or ``s3://bucket/prefix``.
        store: Where its files lie, if that is not what ``location`` says.

    Attributes:
        location: As given.
        store: Where the files lie.
        root: The folder; of a lake in a bucket, the folder of this machine that holds copies.
    """

    def __init__(self, location: Path | str, store: Store | None = None) -> None:
        self.location = str(location)
        self.store = open_store(location) if store is None else store
        self.root = self.store.root

    def path(self, key: TableKey) -> Path:
        """Return where the partition's file, or this machine's copy of it, lies or would lie."""
        return self.root / _file(key)

    def uri(self, key: TableKey) -> str:
        """Return the address of the partition's file, whether it exists or not."""
        return self.store.uri(_file(key))

    def exists(self, key: TableKey) -> bool:
        """Return whether the partition has been written."""
        return self.store.exists(_file(key))

    def write(
        self,
        key: TableKey,
        table: pa.Table,
        validator: TableValidator,
        lineage: Lineage,
        extra: Mapping[str, str] | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> Footer:
        """Validate ``table`` and make it the partition's content.

        Args:
            key: The partition.
            table: Its rows, with the columns of ``validator.arrow_schema``.
            validator: The table's schema.
            lineage: Where the rows come from.
            extra: Further strings that commit with the rows; they enter the digest.
            notes: Strings that commit with the rows and do not.

        Raises:
            SchemaError: the rows violate the schema; nothing is written.
            LakeError: the disk is full or not writable; the earlier content stays.
        """
        with self._locked(key):
            return self._write(key, table, validator, lineage, extra, notes)

    def update(
        self,
        key: TableKey,
        change: Callable[[pa.Table | None], pa.Table],
        validator: TableValidator,
        lineage: Lineage,
        extra: Mapping[str, str] | None = None,
    ) -> Footer:
        """Replace a partition by ``change(its rows, or None)`` while no one else can write it."""
        with self._locked(key):
            before = self.read(key) if self.exists(key) else None
            return self._write(key, change(before), validator, lineage, extra)

    def remove(self, key: TableKey) -> None:
        """Take a partition away, if it is there."""
        with self._locked(key):
            self.store.remove(_file(key))

    def read(
        self,
        key: TableKey,
        columns: Sequence[str] | None = None,
        encoded: Sequence[str] = (),
    ) -> pa.Table:
        """Return a partition's rows.

        Args:
            key: The partition.
            columns: What to read, in this order; by default everything.
            encoded: Text columns to return dictionary-encoded, which is cheap where few values
                repeat.

        Raises:
            KeyNotFoundError: it does not exist; the message names near ones.
            DamagedError: the file is damaged.
        """
        path = self._existing(key)
        try:
            with pq.ParquetFile(path, read_dictionary=list(encoded)) as file:
                wanted = list(columns) if columns is not None else None
                table = file.read(columns=wanted).replace_schema_metadata(None)
        except (pa.ArrowException, OSError) as error:
            raise damaged(key, error, str(path)) from None
        if columns is not None and (missing := sorted(set(columns) - set(table.column_names))):
            raise KeyNotFoundError(
                f"no column {missing[0]!r} in {key}",
                where=str(path),
                fix=nearest(missing[0], pq.read_schema(path).names),
            )
        return table if columns is None else table.select(list(columns))

    def footer(self, key: TableKey) -> Footer:
        """Return what the partition says of itself, without reading its rows."""
        path = self._existing(key)
        try:
            metadata = pq.read_schema(path).metadata or {}
        except (pa.ArrowException, OSError) as error:
            raise damaged(key, error, str(path)) from None
        if FOOTER_KEY not in metadata:
            raise DamagedError(
                "the file was not written by this project",
                where=str(path),
                fix="move it to the inbox and ingest it",
            )
        return Footer.from_json(metadata[FOOTER_KEY], str(path))

    def is_damaged(self, key: TableKey) -> bool:
        """Return whether the partition has a file that cannot be read."""
        try:
            return self.exists(key) and not self.footer(key)
        except DamagedError:
            return True

    def digest(self, key: TableKey) -> str:
        """Return the digest of an existing partition's content."""
        return self.footer(key).digest

    def carried(self, key: TableKey) -> str:
        """Return the digest of what an existing partition hands on to the next one."""
        return self.footer(key).carried

    def lineage(self, key: TableKey) -> Lineage:
        """Return where an existing partition comes from."""
        return self.footer(key).lineage

    def read_range(
        self,
        table: str,
        freq: str,
        instrument: str,
        first_month: str,
        last_month: str,
        columns: Sequence[str] | None = None,
    ) -> pa.Table:
        """Return an instrument's rows of the existing months in a range, in order.

        Raises:
            KeyNotFoundError: no month of the range exists.
        """
        months = [
            month
            for month in self.months(table, freq, instrument)
            if first_month <= month <= last_month
        ]
        if not months:
            raise KeyNotFoundError(
                f"no {table} of {instrument} at {freq} from {first_month} to {last_month}",
                fix=nearest(instrument, self.instruments(table, freq)) or f"{table} is empty",
            )
        keys = (series_key(table, freq, instrument, month) for month in months)
        return pa.concat_tables([self.read(key, columns) for key in keys])

    def frequencies(self, table: str) -> list[str]:
        """Return the frequencies that ``table`` has partitions at, sorted."""
        return self.values(table, (), "freq")

    def instruments(self, table: str, freq: str) -> list[str]:
        """Return the instruments that have partitions of ``table`` at ``freq``, sorted."""
        return self.values(table, (("freq", freq),), "instrument")

    def months(self, table: str, freq: str, instrument: str) -> list[str]:
        """Return the months that exist, ascending."""
        parts = (("freq", freq), ("instrument", instrument))
        names = self.store.holding(TableKey(table, parts).folder, DATA_FILE)
        return _decoded(names, "month")

    def values(self, table: str, parts: tuple[tuple[str, str], ...], name: str) -> list[str]:
        """Return the values that part ``name`` takes below ``parts``, sorted."""
        return _decoded(self.store.folders(TableKey(table, parts).folder), name)

    def keys(self, table: str) -> Iterator[TableKey]:
        """Yield the key of every partition of ``table``, in path order."""
        for path in self.store.files(PurePosixPath(encode_part(table)), DATA_FILE):
            pairs = (folder.split("=", 1) for folder in path.parts[1:-1])
            yield TableKey(table, tuple((name, decode_part(value)) for name, value in pairs))

    def write_bundle(
        self, key: BundleKey, writer: Callable[[Path], None], lineage: Lineage
    ) -> BundleManifest:
        """Let ``writer`` fill an empty folder, then publish it in one step."""
        return bundles.write_bundle(self.store, key, writer, lineage)

    def open_bundle(self, key: BundleKey) -> Path:
        """Return a published bundle's folder after checking every file's SHA-256."""
        return bundles.open_bundle(self.store, key)

    def bundle_manifest(self, key: BundleKey) -> BundleManifest:
        """Return a published bundle's manifest."""
        return bundles.read_manifest(self.store, key)

    def sweep(self) -> list[Path]:
        """Remove what killed writers left of tables and bundles on this machine; return it."""
        return self.store.sweep(_lock_of)

    def _locked(self, key: TableKey) -> AbstractContextManager[None]:
        return self.store.locked(_lock_name(key))

    def _write(
        self,
        key: TableKey,
        table: pa.Table,
        validator: TableValidator,
        lineage: Lineage,
        extra: Mapping[str, str] | None,
        notes: Mapping[str, str] | None = None,
    ) -> Footer:
        validator.validate(table)
        table = table.replace_schema_metadata(None)
        footer = Footer(
            digest=content_digest(table, extra or {}),
            rows=table.num_rows,
            schema_name=validator.name,
            schema_fingerprint=validator.fingerprint,
            lineage=lineage,
            extra=dict(extra or {}),
            notes=dict(notes or {}),
        )
        stamped = table.replace_schema_metadata({FOOTER_KEY: footer.to_json().encode()})
        with self.store.replacing(_file(key)) as temporary:
            pq.write_table(stamped, temporary, **_encodings(table.schema))
        return footer

    def _existing(self, key: TableKey) -> Path:
        try:
            return self.store.fetch(_file(key))
        except FileNotFoundError:
            siblings = [str(other) for other in self.keys(key.table)]
        raise KeyNotFoundError(
            f"{key} does not exist in the lake",
            where=self.uri(key),
            fix=nearest(str(key), siblings[:2000])
            if siblings
            else f"materialise {key.table} first",
        )


def _file(key: TableKey) -> PurePosixPath:
    return key.folder / DATA_FILE


def _lock_name(key: TableKey) -> str:
    return text_digest(str(key))


def _lock_of(folder: PurePosixPath) -> str | None:
    """Return the lock of the partition or bundle in a folder; None where it is neither's."""
    bundled = folder.parts[:1] == ("bundles",)
    table, *folders = folder.parts[1:] if bundled else folder.parts
    split = [each.partition("=") for each in folders]
    if not split or not all(value for _, _, value in split):
        return None
    pairs = tuple((name, decode_part(value)) for name, _, value in split)
    if bundled:
        return bundles.lock_name(bundles.BundleKey(table, pairs))
    return _lock_name(TableKey(decode_part(table), pairs))


def _decoded(folders: list[str], name: str) -> list[str]:
    prefix = f"{name}="
    return sorted(
        decode_part(one.removeprefix(prefix)) for one in folders if one.startswith(prefix)
    )


def _encodings(schema: pa.Schema) -> dict[str, Any]:
    """Return how to encode columns.

    Stamps and row numbers, which ascend, by their differences. LZ4, because a column of a month is
    small: setting Zstandard up for it takes as long as compressing. Bounds are kept of stamps and
    days, the columns by which readers pass over a file.
    """
    ascending = [f.name for f in schema if pa.types.is_timestamp(f.type) or f.type == pa.int64()]
    return {
        "compression": "lz4",
        "use_dictionary": [name for name in schema.names if name not in ascending],
        "column_encoding": dict.fromkeys(ascending, "DELTA_BINARY_PACKED"),
        "write_statistics": [f.name for f in schema if pa.types.is_temporal(f.type)],
    }


def content_digest(table: pa.Table, extra: Mapping[str, str]) -> str:
    """Return the digest of a partition with these rows and extra strings."""
    digest = table_digest(table)
    if not extra:
        return digest
    return text_digest(digest, *(f"{name}={value}" for name, value in sorted(extra.items())))
