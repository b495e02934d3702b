"""Columns of a CSV, Parquet or Feather file as text, numbers or UTC stamps, with placed errors.

For tables that are not bars: a few columns of a file that may hold more.
"""

from __future__ import annotations

import csv
from collections.abc import Collection, Sequence
from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from fints_pipeline.base.errors import FormatError, nearest
from fints_pipeline.data.columnar import read_columns
from fints_pipeline.data.csv_table import read_csv
from fints_pipeline.data.source_file import HEAD_BYTES, SourceFile

_MIDNIGHT = timedelta(0)
_MOST_NAMED, _LONGEST = 12, 24
_OFFSET = r"(?:Z|[+-]\d{2}:?\d{2})$"


def column_names(file: SourceFile, separator: str) -> list[str]:
    """Return a file's columns; none of a file that is not text and not columnar.

    Raises:
        ArchiveError: it is columnar and damaged.
    """
    if file.schema is not None:
        return list(file.schema.names)
    line = file.head.partition(b"\n")[0].rstrip(b"\r")
    if len(line) >= HEAD_BYTES or b"\0" in line or line.startswith(b"{"):
        return []
    try:
        header = line.decode("utf-8-sig")
    except UnicodeDecodeError:
        return []
    return [name.strip() for name in next(csv.reader([header], delimiter=separator), [])]


def missing_column(file: SourceFile, columns: Sequence[str], separator: str) -> str | None:
    """Return why a file has not these columns, each once; None if it has."""
    names = column_names(file, separator)
    for column in columns:
        if column not in names:
            known = ", ".join(name[:_LONGEST] for name in names[:_MOST_NAMED])
            return f"no column {column!r} (has {known or 'none'})"
        if names.count(column) > 1:
            return f"column {column!r} stands there twice"
    return None


def read_cells(file: SourceFile, columns: Sequence[str], separator: str) -> pd.DataFrame:
    """Return columns of a file: of CSV as text, of others as they are typed; null is None.

    Raises:
        FormatError: a column is missing, or the file has no rows.
        ArchiveError: the file is damaged, or a row is short or long; names the row.
    """
    if why := missing_column(file, columns, separator):
        names = column_names(file, separator)
        wanted = next((each for each in columns if each not in names), columns[0])
        raise FormatError(why, where=file.where, fix=nearest(wanted, names))
    wanted_once = list(dict.fromkeys(columns))
    if file.schema is not None:
        table = read_columns(file.path, file.where, wanted_once)
    else:
        table = read_csv(
            file.path,
            file.where,
            column_names(file, separator),
            dict.fromkeys(wanted_once, pa.string()),
            delimiter=separator,
            skip_rows=1,
        )
    if not table.num_rows:
        raise FormatError("the file holds no rows", where=file.where)
    frame: pd.DataFrame = table.to_pandas(ignore_metadata=True)
    return frame


def stamps(
    cells: pd.Series,
    where: str,
    layout: str | None,
    timezone: str,
    time_of_day: timedelta = _MIDNIGHT,
) -> pd.Series:
    """Return UTC stamps; a wall-clock time that is ambiguous is taken as the later of the two.

    Args:
        cells: As `read_cells` returns them.
        where: How errors name the file.
        layout: How text is written, as for strptime; None for ISO 8601.
        timezone: Zone of stamps that carry none.
        time_of_day: Added to stamps that carry none.

    Raises:
        FormatError: a cell is no time; names its row.
    """
    parsed = cells
    if not pd.api.types.is_datetime64_any_dtype(cells.dtype):
        text = cells.astype("string").str.strip()
        aware = _carries_zone(text, layout, where)
        parsed = pd.to_datetime(text, format=layout or "ISO8601", errors="coerce", utc=aware)
    if parsed.isna().any():
        row = int(parsed.isna().to_numpy().argmax())
        raise FormatError(
            f"{cells.iloc[row]!r} is not written as {layout or 'ISO 8601'}",
            where=f"{where}: row {row + 1}, column {cells.name}",
            fix="set the column's time format in the config",
        )
    if parsed.dt.tz is None:
        wall = parsed + time_of_day
        winter = np.zeros(len(wall), dtype=np.bool_)
        parsed = wall.dt.tz_localize(timezone, ambiguous=winter, nonexistent="shift_forward")
    utc: pd.Series = parsed.dt.tz_convert("UTC").astype("datetime64[us, UTC]")
    return utc


def numbers(cells: pd.Series, where: str, missing: Collection[str]) -> pd.Series:
    """Return float64 numbers, NaN for null and for text that stands for no value.

    Raises:
        FormatError: a cell is no number, or is infinite; names its row.
    """
    if pd.api.types.is_numeric_dtype(cells.dtype):
        values = cells.astype("float64")
        wrong = values.abs().eq(float("inf")).to_numpy()
    else:
        text = cells.astype("string").str.strip()
        absent = text.isna() | text.isin(list(missing))
        values = pd.to_numeric(text.mask(absent), errors="coerce").astype("float64")
        wrong = (values.isna() & ~absent).to_numpy() | values.abs().eq(float("inf")).to_numpy()
    if wrong.any():
        row = int(wrong.argmax())
        raise FormatError(
            f"{cells.iloc[row]!r} is not a number",
            where=f"{where}: row {row + 1}, column {cells.name}",
            fix="list it under `missing` if it stands for no value",
        )
    return values


def _carries_zone(text: pd.Series, layout: str | None, where: str) -> bool:
    """Return whether stamps carry their own zone.

    Raises:
        FormatError: some do and some do not.
    """
    if layout is not None:
        return "%z" in layout
    with_offset = text.str.contains(_OFFSET, na=False)
    if with_offset.any() and not with_offset.all():
        row = int((~with_offset).to_numpy().argmax())
        raise FormatError(
            "some stamps carry a time zone and some do not",
            where=f"{where}: row {row + 1}, column {text.name}: {text.iloc[row]!r}",
            fix="write them all alike",
        )
    return bool(with_offset.all())
