"""Exogenous series as their files gave them, every delivery kept: `raw_exogenous_contract`."""

from __future__ import annotations

from collections.abc import Sequence

import pandera.pandas as pa
import pyarrow

from fints_pipeline.schemas.contract import TableContract, column, number, stamp, text

RAW_EXOGENOUS_KEY = (
    "series",
    "period_end",
    "published_at",
    "archive",
    "source_row",
    "known_at",
)
"""Columns that stand around the values of every raw series."""


def raw_exogenous_contract(columns: Sequence[str], unit: str | None = None) -> TableContract:
    """Return the schema of the deliveries of a series with these value columns, in ``unit``."""
    values = {
        name: number("value of the period, as delivered", unit=unit, nullable=True)
        for name in columns
    }
    return TableContract(
        "raw_exogenous",
        pa.DataFrameSchema(
            {
                "series": text("name of the series"),
                "period_end": stamp("end of the period that the values describe"),
                "published_at": stamp(
                    "when the values were published, where the file says so", nullable=True
                ),
                **values,
                "archive": text("SHA-256 of the file that delivered the row"),
                "source_row": column("int64", pyarrow.int64(), "row in the file, from 1"),
                "known_at": stamp("when the file was delivered: its modification time"),
            },
            strict=True,
            ordered=True,
        ),
    )
