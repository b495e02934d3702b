"""Between Arrow, which the lake speaks, and pandas, in which the stages compute."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pyarrow as pa

from fints_pipeline.base.errors import SchemaError

_MIDNIGHT = pa.timestamp("us")


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return a frame: dates as naive midnights, stamps as ``datetime64[us, UTC]``, nulls as NaN.

    ``date32`` columns become ``datetime64[us]``; dictionary and string columns become ``object``.
    """
    for at, field in enumerate(table.schema):
        if pa.types.is_date(field.type):
            midnights = table.column(at).cast(_MIDNIGHT)
            table = table.set_column(at, field.name, midnights)
    frame: pd.DataFrame = table.to_pandas(
        date_as_object=False, strings_to_categorical=False, ignore_metadata=True
    )
    for field in table.schema:
        if pa.types.is_dictionary(field.type):
            frame[field.name] = frame[field.name].astype(object)
    return frame


def to_arrow(frame: pd.DataFrame, schema: pa.Schema) -> pa.Table:
    """Return ``frame``'s columns as ``schema`` orders and types them; NaN becomes null.

    Raises:
        SchemaError: a column is missing, or holds a value that its type cannot hold.
    """
    missing = [name for name in schema.names if name not in frame.columns]
    if missing:
        raise SchemaError(
            f"columns are missing: {', '.join(missing)}", where=f"has {', '.join(frame.columns)}"
        )
    arrays = [_to_array(frame[field.name], field) for field in schema]
    return pa.Table.from_arrays(arrays, schema=schema.remove_metadata())


def _to_array(column: pd.Series, field: pa.Field) -> pa.Array:
    try:
        if pa.types.is_date(field.type):
            if column.dtype.kind != "M":
                column = pd.to_datetime(column)
            column = column.astype("datetime64[s]")
        array = pa.Array.from_pandas(column)
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        return array.cast(field.type)
    except (pa.ArrowException, ValueError, TypeError) as error:
        raise SchemaError(
            f"column {field.name!r} does not fit type {field.type}: {error}"
        ) from None


def named_rows(frame: pd.DataFrame) -> Iterator[Any]:
    """Yield the rows with their columns as attributes; their types are what the caller knows."""
    yield from frame.itertuples(index=False)
