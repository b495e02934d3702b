"""Minute bars as Interactive Brokers' clients save them: Parquet or Feather with aware stamps.

Columns ``date`` (aware, start of the bar), open, high, low, close, volume, and ``average`` or
``barCount``, which are not taken. The symbol stands in the file's name: ``ibkr_SPY_1min.parquet``.
Volume is what the data feed saw, less than the consolidated tape.
"""

from __future__ import annotations

import re

import pyarrow as pa

from fints_pipeline.data.columnar import number_column, read_columns
from fints_pipeline.data.formats._base import PRICES, Evidence, Format, ParsedBars, parsed
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.stamps import StampColumn

STAMP = "date"
_MARKS = ("average", "barCount", "wap")
_NAME = re.compile(r"^(?:ibkr_)?(.+?)_1(?:min|m)\.(?:parquet|feather|zip)$", re.IGNORECASE)


class IbkrBars(Format):
    """Interactive Brokers' one-minute bars."""

    def recognise(self, file: SourceFile) -> Evidence:
        """Look for an aware ``date`` and the average price that only this source gives."""
        schema = file.schema
        if schema is None:
            return Evidence(False, ("not a Parquet or Feather file",))
        missing = [name for name in (STAMP, *PRICES, "volume") if name not in schema.names]
        if missing:
            return Evidence(False, (f"no column {missing[0]!r}",))
        kind = schema.field(STAMP).type
        if not pa.types.is_timestamp(kind) or kind.tz is None:
            return Evidence(False, (f"column {STAMP!r} is {kind}, not aware stamps",))
        mark = next((name for name in _MARKS if name in schema.names), None)
        if mark is None:
            return Evidence(False, (f"none of the columns {', '.join(_MARKS)}",))
        return Evidence(
            True, (f"column {STAMP!r} of stamps in {kind.tz}", "prices and volume", f"{mark!r}")
        )

    def symbol_in(self, name: str) -> str | None:
        """Return ``SPY`` of ``ibkr_SPY_1min.parquet``."""
        match = _NAME.match(name)
        return match[1] if match else None

    def read(self, file: SourceFile) -> ParsedBars:
        """Read the bars; stamps carry their zone."""
        table = read_columns(file.path, file.where, (STAMP, *PRICES, "volume"))
        opened, notes = StampColumn(table.column(STAMP), STAMP, file.where).utc()
        bars = {name: number_column(table, name, file.where) for name in (*PRICES, "volume")}
        return ParsedBars(parsed(opened, pa.table(bars)), notes)
