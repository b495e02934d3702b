"""Rows of one instrument with prices made comparable through time."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

import pyarrow as pa

from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.data.adjust import adjusted
from fints_pipeline.data.catalog.request import Adjust

_MODES: dict[str, Literal["split", "total_return"]] = {"split": "split", "total": "total_return"}


def adjust_rows(
    rows: pa.Table, actions: pa.Table, mode: Adjust, as_of: datetime | None
) -> pa.Table:
    """Return bars adjusted by splits, or by splits and dividends: in units of the last bar."""
    if mode == "raw":
        return rows
    frame = adjusted(to_pandas(rows), to_pandas(actions), _MODES[mode], as_of)
    return to_arrow(frame, rows.schema)
