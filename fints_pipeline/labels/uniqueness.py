"""Sample weights from the overlap of label intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.base.intervals import average_uniqueness
from fints_pipeline.base.rolling import FloatArray


def sample_uniqueness(table: pd.DataFrame, label: str) -> FloatArray:
    """Return each row's average uniqueness among the rows of a label table, NaN without a label.

    A label's interval (close_time, t1] holds the bars of the table that open in it, and its
    uniqueness is the mean over these bars of 1 / (labels whose interval holds the bar). Use it as a
    weight: labels that overlap much tell little more together than one of them.

    Looks ahead as far as the labels do: pass the rows of one training span, after purging.

    Args:
        table: rows of a label table of one instrument, ascending.
        label: name of the label's column.

    Source: López de Prado, Advances in Financial Machine Learning (2018), 4.2–4.3.
    """
    open_time, close_time, end = (
        np.asarray(table[name], dtype="datetime64[us]")
        for name in ("open_time", "close_time", f"{label}_end")
    )
    return average_uniqueness(open_time, close_time, end)
