"""Any table of bars that a data set's YAML describes in about ten lines.

::

    format: custom
    timezone: Europe/Berlin                 # of stamps that carry none
    base_frequency: 1m
    layout:
      columns: {time: Date Time, open: Open, high: High, low: Low, close: Last, volume: Volume}
      separator: ";"
      time_format: "%d.%m.%Y %H:%M"         # without it: ISO 8601, or epochs by value
      stamp: end                            # bars are stamped at their end; default start
      price_scale: 0.01                     # price = cell × 0.01
      symbol_pattern: "^(.+)_1m"            # or a column: {symbol: Ticker}

CSV (with a header, or with columns by position), Parquet and Feather.
"""

from __future__ import annotations

import csv
import re
from typing import ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, field_validator

from fints_pipeline.base.time import minutes
from fints_pipeline.data.columnar import number_column, read_columns
from fints_pipeline.data.csv_table import bad_cell, read_csv
from fints_pipeline.data.formats._base import (
    PRICES,
    Evidence,
    Format,
    ParsedBars,
    is_number,
    is_symbol,
    not_text,
    parsed,
    sample_lines,
)
from fints_pipeline.data.formats._layout import ColumnName, Columns, TextLayout, checked_columns
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.stamps import StampColumn, concatenate, in_groups

_DEFAULT_SYMBOL = r"^([A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)?)[_.]"


class Custom(Format, TextLayout):
    """A layout told by the data set.

    Attributes:
        columns: Where to find what.
        stamp: Which end of its bar a stamp marks.
        time_format: ``strptime`` format of text stamps; None for ISO 8601.
        epoch: Unit of numeric stamps; None decides by value, row by row.
        price_scale: What a cell is multiplied with to give a price.
        symbol_pattern: Regular expression with one group, the symbol, looked for in the file's
            name, then in the archive's.
    """

    frequencies: ClassVar[tuple[str, ...]] = ()
    columns: Columns
    stamp: Literal["start", "end"] = "start"
    time_format: str | None = None
    epoch: Literal["s", "ms", "us", "ns"] | None = None
    price_scale: float = Field(default=1.0, gt=0)
    symbol_pattern: str = _DEFAULT_SYMBOL

    _checked = field_validator("columns")(checked_columns)

    @field_validator("symbol_pattern")
    @classmethod
    def _one_group(cls, pattern: str) -> str:
        try:
            groups = re.compile(pattern).groups
        except re.error as error:
            raise ValueError(f"no regular expression: {error}") from None
        if groups != 1:
            raise ValueError(f"needs one group, the symbol, not {groups}")
        return pattern

    def recognise(self, file: SourceFile) -> Evidence:
        """Look for the columns that the layout tells, and for numbers in them."""
        if file.schema is not None:
            missing = [name for name in self._names() if name not in file.schema.names]
            if self.columns.by_position or missing:
                return Evidence(False, (f"no column {missing[0]!r}" if missing else "a table",))
            return Evidence(True, (f"columns {', '.join(self._names())}",))
        if fault := not_text(file.head):
            return Evidence(False, (fault,))
        lines = sample_lines(file.head)[self.skip :]
        rows = list(csv.reader(lines, delimiter=self.separator))
        return self._recognise_rows(rows)

    def symbol_in(self, name: str) -> str | None:
        """Return what the pattern's group finds in a name."""
        match = re.search(self.symbol_pattern, name)
        return match[1] if match else None

    def read(self, file: SourceFile) -> ParsedBars:
        """Read the bars."""
        table, first_row = self._table(file)
        symbols = self._symbols(table, file, first_row)
        name = " ".join(str(name) for name in self.columns.stamps)
        column = StampColumn(
            self._stamps(table), name, file.where, first_row, file.timezone, self.time_format,
            self.epoch,
        )  # fmt: skip
        if file.frequency == "1D":
            times, notes = column.dates()
        else:
            times, notes = column.utc() if symbols is None else in_groups(column, symbols)
            if self.stamp == "end":
                times = times - np.timedelta64(minutes(file.frequency), "m")
        return ParsedBars(parsed(times, self._bars(table, file), first_row), notes, symbols)

    def _recognise_rows(self, rows: list[list[str]]) -> Evidence:
        if not rows:
            return Evidence(False, ("no lines of text",))
        names = self._header(rows[0])
        missing = [name for name in self._names() if name not in names]
        if missing:
            shown = self.separator.join(rows[0])[:60]
            return Evidence(False, (f"no column {missing[0]!r} in {shown!r}",))
        rows = rows if self.columns.by_position else rows[1:]
        if not rows:
            return Evidence(False, ("a header but no rows",))
        at = [names.index(str(name)) for name in self._price_columns()]
        faults = [row for row in rows if not self._has_prices(row, at)]
        if len(faults) * 2 >= len(rows):
            shown = self.separator.join(faults[0])[:60]
            return Evidence(False, (f"no four prices in {shown!r}",))
        return Evidence(True, (f"columns {', '.join(self._names())}", "numbers in the prices"))

    def _has_prices(self, row: list[str], at: list[int]) -> bool:
        cells = [row[index] if index < len(row) else "?" for index in at]
        return all(is_number(cell.replace(self.decimal, ".")) for cell in cells if cell)

    def _header(self, cells: list[str]) -> list[str]:
        if self.columns.by_position:
            return [str(position) for position in range(1, len(cells) + 1)]
        return [cell.strip() for cell in cells]

    def _names(self) -> list[str]:
        return [str(name) for name in self.columns.all]

    def _price_columns(self) -> tuple[ColumnName, ...]:
        columns = self.columns
        return columns.open, columns.high, columns.low, columns.close

    def _table(self, file: SourceFile) -> tuple[pa.Table, int]:
        """Return the told columns by name, and the number of the first row."""
        if file.schema is not None:
            return read_columns(file.path, file.where, self._names()), 1
        line = file.head.decode("utf-8-sig", "replace").splitlines()[self.skip]
        cells = next(csv.reader([line], delimiter=self.separator))
        numbers = [*self._price_columns(), self.columns.volume]
        types = dict.fromkeys((str(name) for name in numbers if name is not None), pa.float64())
        types.update(dict.fromkeys(map(str, self.columns.stamps), self._stamp_type(file)))
        if self.columns.symbol is not None:
            types[str(self.columns.symbol)] = pa.string()
        skip = self.skip + (not self.columns.by_position)
        table = read_csv(
            file.path, file.where, self._header(cells), types, delimiter=self.separator,
            skip_rows=skip, decimal=self.decimal,
        )  # fmt: skip
        return table, skip + 1

    def _stamp_type(self, file: SourceFile) -> pa.DataType:
        """Return int64 for epochs: every stamp in the file's first rows is a whole number."""
        if self.time_format is not None or len(self.columns.stamps) > 1:
            return pa.string()
        if self.epoch is not None:
            return pa.int64()
        lines = sample_lines(file.head)[self.skip :]
        rows = list(csv.reader(lines, delimiter=self.separator))
        at = self._header(rows[0]).index(str(self.columns.stamps[0]))
        rows = rows if self.columns.by_position else rows[1:]
        cells = [row[at] for row in rows if at < len(row)]
        return pa.int64() if cells and all(cell.isdecimal() for cell in cells) else pa.string()

    def _stamps(self, table: pa.Table) -> pa.ChunkedArray:
        found = [table.column(str(name)) for name in self.columns.stamps]
        if len(found) > 1:
            return concatenate(found[0].cast(pa.string()), found[1].cast(pa.string()))
        if self.time_format is not None and pa.types.is_integer(found[0].type):
            return found[0].cast(pa.string())
        return found[0]

    def _bars(self, table: pa.Table, file: SourceFile) -> pa.Table:
        # Dividing by 100 is exact where multiplying by 0.01 is not.
        divisor = round(1 / self.price_scale)
        exact = divisor > 0 and abs(divisor * self.price_scale - 1) < 1e-12
        bars = {}
        for name, source in zip(PRICES, self._price_columns(), strict=True):
            cells = number_column(table, str(source), file.where)
            scaled = (pc.divide, float(divisor)) if exact else (pc.multiply, self.price_scale)
            bars[name] = scaled[0](cells, scaled[1])
        volume = self.columns.volume
        bars["volume"] = (
            pa.chunked_array([pa.nulls(table.num_rows, pa.float64())])
            if volume is None
            else number_column(table, str(volume), file.where)
        )
        return pa.table(bars)

    def _symbols(self, table: pa.Table, file: SourceFile, first_row: int) -> pa.Array | None:
        if self.columns.symbol is None:
            return None
        column = table.column(str(self.columns.symbol)).cast(pa.string())
        bad = [not is_symbol(symbol or "") for symbol in column.unique().to_pylist()]
        if any(bad):
            wrong = column.unique().to_pylist()[bad.index(True)]
            row = column.to_pylist().index(wrong)
            raise bad_cell(
                file.where, first_row + row, str(self.columns.symbol), wrong or "",
                "a symbol of letters, digits, '.', '_' and '-'",
            )  # fmt: skip
        return column.combine_chunks()
