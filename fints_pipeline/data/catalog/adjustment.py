"""Rows of one instrument with prices made comparable through time."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa

from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.data.catalog.request import Adjust


def adjust_rows(
    rows: pa.Table, actions: pa.Table, mode: Adjust, as_of: datetime | None
) -> pa.Table:
    """Return bars adjusted by splits, or by splits and dividends, as known at a date."""
    if mode == "raw":
        return rows
    from fints_pipeline.data.adjust import adjusted

    frame = adjusted(to_pandas(rows), to_pandas(actions), mode, as_of)
    return to_arrow(frame, rows.schema)
