"""Parquet and Feather (Arrow IPC) files: their columns without their rows, and typed columns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq

from fints_pipeline.base.errors import ArchiveError

PARQUET, FEATHER = b"PAR1", b"ARROW1"
MOST_ROWS = 200_000_000
"""A run-length encoded file of a few bytes can claim any number of rows."""


def is_columnar(head: bytes) -> bool:
    """Return whether a file that begins with ``head`` is Parquet or Feather."""
    return head.startswith((PARQUET, FEATHER))


def schema_of(path: Path, where: str) -> pa.Schema:
    """Return a file's columns.

    Raises:
        ArchiveError: it is damaged.
    """
    try:
        if _is_parquet(path):
            return pq.read_schema(path)
        with pa.ipc.open_file(str(path)) as reader:
            return reader.schema
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(error, where) from None


def read_columns(path: Path, where: str, names: Sequence[str]) -> pa.Table:
    """Return the named columns of a file.

    Raises:
        ArchiveError: it is damaged, a column is missing, or it claims more than `MOST_ROWS` rows.
    """
    missing = [name for name in names if name not in schema_of(path, where).names]
    if missing:
        raise ArchiveError(f"no column {missing[0]!r}", where=where)
    try:
        if _is_parquet(path):
            with pq.ParquetFile(path) as file:
                if file.metadata.num_rows > MOST_ROWS:
                    raise ArchiveError(
                        f"the file claims {file.metadata.num_rows} rows, more than the limit of "
                        f"{MOST_ROWS}",
                        where=where,
                    )
                table = file.read(columns=list(names), use_threads=False)
        else:
            with pa.OSFile(str(path)) as source, pa.ipc.open_file(source) as reader:
                table = reader.read_all()
        table.validate(full=True)
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(error, where) from None
    return table.select(list(names)).replace_schema_metadata(None)


def number_column(table: pa.Table, name: str, where: str) -> pa.ChunkedArray:
    """Return a column as float64.

    Raises:
        ArchiveError: it does not hold numbers.
    """
    column = table.column(name)
    kind = column.type
    if not (pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        raise ArchiveError(f"column {name!r} holds {kind}, not numbers", where=where)
    return column.cast(pa.float64(), safe=False)


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(len(PARQUET)) == PARQUET


def _damaged(error: Exception, where: str) -> ArchiveError:
    detail = " ".join(str(error).split())[:200]
    return ArchiveError(f"the file is damaged: {detail}", where=where, fix="fetch it again")
