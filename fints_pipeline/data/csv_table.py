"""CSV text into typed columns, with errors that name row, column and value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pc

from fints_pipeline.base.errors import ArchiveError

# Cells that vendors write for "no value". They become nulls, which the cleaner counts.
NULL_CELLS = ["", "NULL", "null", "NaN", "nan", "NA", "N/A", "None"]
_BAD_CELL = re.compile(
    r"In CSV column #(\d+): Row #(\d+): CSV conversion error to (\S+): invalid value '(.*)'", re.S
)
_BAD_ROW = re.compile(r"CSV parse error: Row #(\d+): Expected (\d+) columns, got (\d+): (.*)", re.S)
NO_ROWS = "the file holds no rows"
_LONGEST_QUOTE = 60


def read_csv(
    path: Path,
    where: str,
    names: Sequence[str],
    types: Mapping[str, pa.DataType],
    *,
    delimiter: str = ",",
    skip_rows: int = 0,
    decimal: str = ".",
) -> pa.Table:
    """Read a CSV file without a header into typed columns.

    Args:
        path: The file.
        where: How errors name it.
        names: Name of every column of the file, in file order.
        types: Type of each column to keep; the others are neither parsed nor returned.
        delimiter: What stands between cells.
        skip_rows: Lines to pass over at the start (a header).
        decimal: The decimal mark.

    Returns:
        Table with the columns of ``types``, in their order; empty cells are null.

    Raises:
        ArchiveError: a row is short or long, or a cell is not of its column's type; the message
            names row (from 1, header included, empty lines not counted), column and value.
    """

    def read(use_threads: bool) -> pa.Table:
        with pa.memory_map(str(path)) as source:
            return pc.read_csv(
                source,
                read_options=pc.ReadOptions(
                    column_names=list(names), skip_rows=skip_rows, use_threads=use_threads
                ),
                parse_options=pc.ParseOptions(delimiter=delimiter),
                convert_options=pc.ConvertOptions(
                    column_types=dict(types),
                    include_columns=list(types),
                    null_values=NULL_CELLS,
                    strings_can_be_null=True,
                    decimal_point=decimal,
                ),
            )

    try:
        return read(use_threads=True)
    except pa.ArrowException:
        pass  # With several threads Arrow cannot say in which row it stumbled; with one it can.
    try:
        return read(use_threads=False)
    except pa.ArrowException as error:
        raise _describe(str(error), where, names) from None


def bad_cell(where: str, row: int, column: str, value: object, expected: str) -> ArchiveError:
    """Return the error for one cell; ``row`` counts as `read_csv` counts."""
    return ArchiveError(
        f"cell {_quote(value)} is not {expected}", where=f"{where}, row {row}, column {column}"
    )


def _describe(message: str, where: str, names: Sequence[str]) -> ArchiveError:
    if cell := _BAD_CELL.search(message):
        column = names[int(cell[1])]
        return bad_cell(where, int(cell[2]), column, cell[4], _kind(cell[3]))
    if row := _BAD_ROW.search(message):
        return ArchiveError(
            f"a row has {row[3]} cells where {row[2]} are expected: {_quote(row[4])}",
            where=f"{where}, row {row[1]}",
        )
    if "Empty CSV file" in message or "Could not skip" in message:
        return ArchiveError(NO_ROWS, where=where)
    return ArchiveError(f"not readable as CSV: {_quote(message)}", where=where)


def _kind(arrow_type: str) -> str:
    return {"double": "a number", "int64": "a whole number", "string": "UTF-8 text"}.get(
        arrow_type.rstrip(":"), f"a {arrow_type}"
    )


def _quote(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_QUOTE else text[:_LONGEST_QUOTE] + "…'"
