"""Columns of equal length under their names: what the bars stage computes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Array: TypeAlias = npt.NDArray[Any]
Mask: TypeAlias = npt.NDArray[np.bool_]
Index: TypeAlias = npt.NDArray[np.int64]
PRICES = ("open", "high", "low", "close")
VALUES = (*PRICES, "volume")
MICROSECOND = np.timedelta64(1, "us")


@dataclass(frozen=True, eq=False)
class Rows:
    """A table without an index, whose columns are never changed in place.

    Stamps are naive UTC ``datetime64[us]``, null numbers are NaN.

    Attributes:
        columns: Each of shape (T,).
        archives: The names that the numbers in a column ``archive`` stand for, ascending.
    """

    columns: Mapping[str, Array]
    archives: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Return the number of rows, T."""
        return len(next(iter(self.columns.values()), ()))

    def __getitem__(self, name: str) -> Array:
        """Return a column."""
        return self.columns[name]

    def take(self, at: Mask | npt.NDArray[np.integer] | slice) -> Rows:
        """Return the rows that a mask marks, or those at positions."""
        return Rows({name: column[at] for name, column in self.columns.items()}, self.archives)

    def kept(self, mask: Mask) -> Rows:
        """Return the rows that a mask marks; these very rows where it marks them all."""
        return self if mask.all() else self.take(mask)

    def put(self, **columns: Array) -> Rows:
        """Return the rows with more columns, or others under the same names."""
        return Rows({**self.columns, **columns}, self.archives)


def steps(span: npt.NDArray[np.timedelta64], step: np.timedelta64) -> Index:
    """Return how many whole steps fit into spans of µs, rounded down; fast, in integers."""
    return np.asarray(span.view(np.int64) // int(step / MICROSECOND), dtype=np.int64)


RAW_COLUMNS = ("open_time", "close_time", *VALUES, "archive", "source_row", "known_at")


def raw_rows(raw: pa.Table) -> Rows:
    """Return a slice of ``raw_bars`` without its instrument, the same in every row.

    Args:
        raw: Has `RAW_COLUMNS`; strings may be dictionary-encoded.
    """
    columns = {name: _array(raw.column(name)) for name in RAW_COLUMNS if name != "archive"}
    columns["archive"], archives = _codes(raw.column("archive"))
    return Rows(columns, archives)


def _array(column: pa.ChunkedArray) -> Array:
    values: Array = column.to_numpy()
    return values.astype("datetime64[us]", copy=False) if values.dtype.kind == "M" else values


def _codes(names: pa.ChunkedArray) -> tuple[Index, tuple[str, ...]]:
    """Return strings as their places among the distinct ones, which are sorted."""
    encoded = names if pa.types.is_dictionary(names.type) else names.dictionary_encode()
    whole = encoded.combine_chunks()
    distinct = whole.dictionary.to_pylist()
    order = sorted(range(len(distinct)), key=distinct.__getitem__)
    rank = np.empty(len(distinct), dtype=np.int64)
    rank[order] = np.arange(len(distinct))
    codes = rank[whole.indices.to_numpy()] if len(distinct) else np.zeros(0, dtype=np.int64)
    return codes, tuple(distinct[at] for at in order)


def table_of(rows: Rows, instrument: str, schema: pa.Schema) -> pa.Table:
    """Return rows of one instrument as a table.

    Args:
        rows: Has the columns of ``schema`` but ``instrument``, and may have others.
        instrument: ``dataset.SYMBOL``.
        schema: The table's.
    """
    made = (
        pa.repeat(instrument, len(rows)) if f.name == "instrument" else _arrow(rows[f.name], f)
        for f in schema
    )
    return pa.Table.from_arrays(list(made), schema=schema)


def _arrow(values: Array, field: pa.Field) -> pa.Array:
    """Return a column; numbers and stamps are not copied."""
    if pa.types.is_date(field.type):
        return pa.array(values.astype("datetime64[D]"))
    if pa.types.is_timestamp(field.type):
        return pa.array(values.view(np.int64)).view(field.type)
    return pa.array(values, from_pandas=field.nullable)
