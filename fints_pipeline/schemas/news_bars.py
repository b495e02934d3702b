"""News counted on bars, as it was known at each bar's close: `news_bars_contract`."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pandera.pandas as pa

from fints_pipeline.schemas.contract import (
    TableContract,
    ascending_close_time,
    key_columns,
    number,
    stamp,
)

KNOWN = "known_at"
COUNTS = ("count", "positive", "negative", "leaning")
"""What is counted of each source; its columns are called ``<source>_<count>``."""
_TEXTS = {
    "count": ("items since the bar before", "items"),
    "positive": ("words of good tidings in them", "words"),
    "negative": ("words of bad tidings in them", "words"),
    "leaning": ("(positive - negative) / (positive + negative), 0 without either", "-1 to 1"),
}


def news_bars_contract(sources: Sequence[str]) -> TableContract:
    """Return the schema of the counts of these sources.

    A source's columns are null together: before its first item, and when its last one is too old.
    """
    columns = {}
    for source in sources:
        columns[f"{source}_{KNOWN}"] = stamp(
            "when the last item known at the bar's close came out", nullable=True
        )
        for name in COUNTS:
            text, unit = _TEXTS[name]
            low = -1.0 if name == "leaning" else 0.0
            columns[f"{source}_{name}"] = number(
                text, unit=unit, nullable=True, checks=[pa.Check.ge(low)]
            )
    return TableContract(
        "news_bars",
        pa.DataFrameSchema(
            {**key_columns(), **columns},
            checks=[ascending_close_time(), pa.Check(_known_by_close, name="known_by_close")],
            strict=True,
            ordered=True,
        ),
    )


def _known_by_close(frame: pd.DataFrame) -> pd.Series:
    later = pd.Series(False, index=frame.index)
    for name in frame.columns:
        if name.endswith("_known_at"):
            later |= frame[name] > frame["close_time"]
    return ~later
