"""What all footers of a lake say at one moment, as columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.base.lake.footer import Footer, Lineage
from fints_pipeline.base.lake.keys import TableKey, decode_part
from fints_pipeline.base.lake.lineage import (
    ABSENT,
    current_digest,
    is_well_named,
    stands_for_another,
)

SCHEMA = pa.schema(
    [
        ("path", pa.string()),
        ("stamp", pa.string()),
        ("digest", pa.string()),
        ("carried", pa.string()),
        ("code", pa.string()),
        ("config", pa.string()),
        ("inputs", pa.list_(pa.string())),
        ("used", pa.list_(pa.string())),
    ]
)
"""Columns of a snapshot: `Entry`, one row a partition."""


class Entry(NamedTuple):
    """What is kept of one partition: its file's stamp and what its footer says of its making.

    Attributes:
        path: Its folder, relative to the lake's root.
        stamp: Another one whenever the file has been replaced.
        digest: Of its content.
        carried: Of what it hands on.
        code: Version of the code that made it.
        config: Fingerprint of the config.
        inputs: Name of each input, ascending.
        used: The digest of each that it was made from.
    """

    path: str
    stamp: str
    digest: str
    carried: str
    code: str
    config: str
    inputs: tuple[str, ...]
    used: tuple[str, ...]

    @classmethod
    def of(cls, path: str, stamp: str, footer: Footer) -> Entry:
        """Return what is kept of a footer."""
        made = footer.lineage
        names = tuple(sorted(made.inputs))
        used = tuple(made.inputs[name] for name in names)
        own = (footer.digest, footer.carried, made.code_version, made.config_fingerprint)
        return cls(path, stamp, *own, names, used)


def table_of(entries: Sequence[Entry]) -> pa.Table:
    """Return entries as columns."""
    columns = zip(*entries, strict=True) if entries else ([] for _ in SCHEMA)
    arrays = [pa.array(one, field.type) for one, field in zip(columns, SCHEMA, strict=True)]
    return pa.table(arrays, schema=SCHEMA)


class Snapshot:
    """Partitions as they were at a look.

    Args:
        table: In the columns of `SCHEMA`, each of one chunk.
        damaged: The message of each partition that cannot be read, by its key; it counts as not
            there.
    """

    def __init__(self, table: pa.Table, damaged: Mapping[TableKey, str] | None = None) -> None:
        self._table = table
        self.damaged = dict(damaged or {})

    def is_damaged(self, key: TableKey) -> bool:
        """Return whether the partition had a file that cannot be read."""
        return key in self.damaged

    def exists(self, key: TableKey) -> bool:
        """Return whether the partition was there."""
        return str(key) in self._rows

    def digest(self, key: TableKey) -> str:
        """Return the digest of a partition that was there."""
        return self._digest[self._rows[str(key)]]

    def carried(self, key: TableKey) -> str:
        """Return the digest of what a partition that was there hands on."""
        return self._carried[self._rows[str(key)]]

    def lineage(self, key: TableKey) -> Lineage:
        """Return where a partition that was there came from."""
        row = self._rows[str(key)]
        names, used = (self._table.column(name)[row].as_py() for name in ("inputs", "used"))
        return Lineage(self._code[row], self._config[row], dict(zip(names, used, strict=True)))

    def stamps(self) -> Iterable[tuple[str, str]]:
        """Return each partition's name, as lineage spells it, with its file's stamp."""
        return zip(self._named[0], _texts(self._table.column("stamp")), strict=True)

    def months(self, table: str, freq: str, instrument: str) -> list[str]:
        """Return the months that were there, ascending."""
        return self._months.get(f"{table}/{freq}/{instrument}", [])

    def frequencies(self, table: str) -> list[str]:
        """Return the frequencies at which a table had partitions, sorted."""
        return sorted({freq for freq, _ in self._series(table)})

    def instruments(self, table: str, freq: str | None = None) -> list[str]:
        """Return the instruments that had partitions of a table, at one frequency or any."""
        return sorted({name for own, name in self._series(table) if freq in (None, own)})

    def is_current(self, name: str, expected: Lineage) -> bool:
        """Return whether `lineage.staleness` would find nothing; quickly, since most often so.

        Args:
            name: A partition, as lineage spells it.
            expected: Its code version and config fingerprint must be these.
        """
        row = self._rows.get(name)
        return (
            row is not None
            and self._unchanged[row]
            and self._code[row] == expected.code_version
            and self._config[row] == expected.config_fingerprint
        )

    def _series(self, table: str) -> Iterator[tuple[str, str]]:
        """Yield frequency and instrument of a table's series."""
        start = f"{table}/"
        for series in self._months:
            freq, slash, name = series.removeprefix(start).partition("/")
            if slash and series.startswith(start):
                yield freq, name

    @cached_property
    def _named(self) -> tuple[list[str], dict[str, list[str]]]:
        """Each partition as lineage spells it, and each series' months."""
        names = []
        months: dict[str, list[str]] = defaultdict(list)
        before = series = ""
        for path in _texts(self._table.column("path")):
            folder, _, own = path.rpartition("/")
            if folder != before:
                before, series = folder, _name(folder)
            month = _value(own)
            names.append(f"{series}/{month}")
            months[series].append(month)
        for known in months.values():
            known.sort()
        return names, dict(months)

    @property
    def _months(self) -> dict[str, list[str]]:
        return self._named[1]

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {name: row for row, name in enumerate(self._named[0])}

    @cached_property
    def _digest(self) -> list[str]:
        return _texts(self._table.column("digest"))

    @cached_property
    def _carried(self) -> list[str]:
        return _texts(self._table.column("carried"))

    @cached_property
    def _code(self) -> list[str]:
        return _texts(self._table.column("code"))

    @cached_property
    def _config(self) -> list[str]:
        return _texts(self._table.column("config"))

    @cached_property
    def _unchanged(self) -> list[bool]:
        """Whether each partition's inputs are what it was made from."""
        inputs = self._table.column("inputs").combine_chunks()
        used = self._table.column("used").combine_chunks().flatten()
        named = inputs.flatten().dictionary_encode()
        now = [self._now(name) for name in named.dictionary.to_pylist()]
        found = pa.array(now, pa.string()).take(named.indices)
        changed = pc.list_parent_indices(inputs).filter(pc.not_equal(found, used))
        unchanged = np.ones(len(inputs), dtype=np.bool_)
        unchanged[changed.to_numpy()] = False
        answer: list[bool] = unchanged.tolist()
        return answer

    def _now(self, name: str) -> str:
        """Return `current_digest` of an input, without a key for each of them."""
        if stands_for_another(name):
            return current_digest(self, name)
        row = self._rows.get(name)
        return ABSENT if row is None or not is_well_named(name) else self._digest[row]


def _texts(column: pa.ChunkedArray) -> list[str]:
    texts: list[str] = column.to_pylist()
    return texts


def _name(folder: str) -> str:
    """Return a folder as lineage spells it."""
    table, *parts = folder.split("/")
    return "/".join((table, *map(_value, parts)))


@lru_cache(maxsize=65_536)
def _value(part: str) -> str:
    return decode_part(part.partition("=")[2])
