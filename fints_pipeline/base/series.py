"""Frames that hold one instrument's rows in the order of time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fints_pipeline.base.errors import SchemaError

KEY = ("instrument", "open_time", "close_time", "session")
"""Columns that say which bar a row is about, in every table with one row a bar."""


def check_one_series(bars: pd.DataFrame) -> None:
    """Check that `bars` is one instrument in strictly ascending `open_time`.

    Raises:
        SchemaError: it is not; the message names the instruments or the first row out of order.
    """
    instruments = bars["instrument"].to_numpy()
    if not (instruments == instruments[:1]).all():
        count = bars["instrument"].nunique()
        raise SchemaError(
            f"bars of {count} instruments in one frame, {instruments[0]!r} first",
            fix="pass one instrument at a time",
        )
    open_time = np.asarray(bars["open_time"], dtype="datetime64[us]")
    out_of_order = ~(open_time[1:] > open_time[:-1])
    if out_of_order.any():
        raise SchemaError(
            "bars are not in strictly ascending order of open_time",
            where=f"row {int(out_of_order.argmax()) + 1}",
            fix="sort them and drop repeated ones",
        )


def refuse_duplicates(columns: Sequence[str]) -> None:
    """Check that no column is named twice.

    Raises:
        ValueError: one is; a ConfigError that names the file once the config loader has seen it.
    """
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise ValueError(f"made by two lines: column {', '.join(twice)}")
