"""Digests of content: the same values give the same digest, whatever wrote the bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

DIGEST_LENGTH = 32


def table_digest(table: pa.Table) -> str:
    """Return 32 hex digits over a table's column names, types, nulls and values.

    Chunking, dictionary encoding, metadata and the values hidden under nulls do not enter; row and
    column order do. All NaNs count as equal, and so do 0.0 and -0.0.
    """
    digest = hashlib.sha256(str(table.num_rows).encode())
    for field in table.schema:
        digest.update(_column_bytes(field, table.column(field.name)))
    return digest.hexdigest()[:DIGEST_LENGTH]


def file_sha256(path: Path | str) -> str:
    """Return the SHA-256 of a file's bytes, in hex."""
    with Path(path).open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def text_digest(*parts: str) -> str:
    """Return 32 hex digits over a sequence of strings; their boundaries count."""
    digest = hashlib.sha256()
    for part in parts:
        encoded = part.encode()
        digest.update(str(len(encoded)).encode() + b":" + encoded)
    return digest.hexdigest()[:DIGEST_LENGTH]


def _column_bytes(field: pa.Field, column: pa.ChunkedArray) -> bytes:
    if pa.types.is_dictionary(field.type):
        column = column.cast(field.type.value_type)
    kind = column.type
    nulls = _null_mask(column)
    digest = hashlib.sha256(f"{field.name}\0{kind}\0".encode())
    digest.update(np.packbits(nulls).data)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        _update_with_strings(digest, column)
    else:
        digest.update(_canonical_numbers(column, nulls).data)
    return digest.digest()


def _null_mask(column: pa.ChunkedArray) -> np.ndarray:
    if not column.null_count:
        return np.zeros(len(column), dtype=np.bool_)
    mask: np.ndarray = pc.is_null(column).to_numpy(zero_copy_only=False)
    return mask


def _update_with_strings(digest: hashlib._Hash, column: pa.ChunkedArray) -> None:
    """Digest the lengths of all strings, then the bytes of all, from Arrow's own buffers."""
    chunks = [_string_buffers(chunk) for chunk in pc.fill_null(column, "").chunks]
    for offsets, _ in chunks:
        digest.update(np.diff(offsets).astype(np.int64).data)
    for offsets, content in chunks:
        digest.update(content[offsets[0] : offsets[-1]])


def _string_buffers(strings: pa.Array) -> tuple[np.ndarray, memoryview]:
    """Return where each of some null-free strings begins and ends, and their bytes."""
    width = np.int64 if pa.types.is_large_string(strings.type) else np.int32
    _, offsets, content = strings.buffers()
    if not len(strings):
        return np.zeros(1, dtype=width), memoryview(b"")
    first, last = strings.offset, strings.offset + len(strings)
    return np.frombuffer(offsets, dtype=width)[first : last + 1], memoryview(content or b"")


def _canonical_numbers(column: pa.ChunkedArray, nulls: np.ndarray) -> np.ndarray:
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date64(kind):
        column = column.cast(pa.int64())
    elif pa.types.is_date32(kind):
        column = column.cast(pa.int32())
    elif pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    values = column.to_numpy() if not nulls.any() else _zeros_under_nulls(column)
    if values.dtype.kind == "f":
        values = values + 0.0  # turns -0.0 into 0.0 and copies
        values[np.isnan(values)] = np.nan
    return np.ascontiguousarray(values)


def _zeros_under_nulls(column: pa.ChunkedArray) -> np.ndarray:
    filled: np.ndarray = pc.fill_null(column, pa.scalar(0, column.type)).to_numpy()
    return filled
