"""Bars as their archives gave them, every delivery kept: `RAW_BARS`."""

from __future__ import annotations

import pandera.pandas as pa
import pyarrow

from fints_pipeline.schemas.contract import TableContract, column, stamp, text


def _as_delivered(description: str, unit: str = "quote currency") -> pa.Column:
    return column("float64", pyarrow.float64(), description, unit=unit, nullable=True)


RAW_BARS = TableContract(
    "raw_bars",
    pa.DataFrameSchema(
        {
            "instrument": text("dataset.SYMBOL"),
            "open_time": stamp("start of the bar, included"),
            "close_time": stamp("end of the bar, excluded"),
            "open": _as_delivered("first price, as delivered"),
            "high": _as_delivered("highest price, as delivered"),
            "low": _as_delivered("lowest price, as delivered"),
            "close": _as_delivered("last price, as delivered"),
            "volume": _as_delivered("volume, as delivered", "base units"),
            "archive": text("SHA-256 of the archive that delivered the row"),
            "source_row": column("int64", pyarrow.int64(), "row in the archive's member, from 1"),
            "known_at": stamp("when the archive was delivered: its file's modification time"),
        },
        strict=True,
        ordered=True,
    ),
)
