"""New rows of a series beside those that the lake has: nothing that was known is rewritten."""

from __future__ import annotations

import pandas as pd
import pyarrow as pa

from fints_pipeline.base.errors import FormatError
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.schemas.exogenous import EXOGENOUS_KEY

_MOMENT = ["period_end", "known_at"]


def merge(
    rows: pd.DataFrame, schema: pa.Schema, delivered: pd.Timestamp, before: pa.Table | None
) -> pa.Table:
    """Return the lake's rows and those of ``rows`` that say something new about their period.

    Args:
        rows: What a file says.
        schema: Of the table.
        delivered: When the file came; from then on its restatements are known.
        before: What the lake has, if it has anything.

    Raises:
        FormatError: the columns differ from the lake's, or a restatement cannot be dated.
    """
    if before is None:
        return to_arrow(rows, schema)
    if before.schema.names != schema.names:
        raise FormatError(
            "the series is in the lake with other columns",
            where=f"has {before.schema.names}, the config gives {schema.names}",
            fix="give the series another name, or remove its folder from the lake first",
        )
    values = [name for name in schema.names if name not in EXOGENOUS_KEY]
    held = to_pandas(before)
    fresh = _dated(rows, held, values, delivered)
    both = pd.concat([held, fresh], ignore_index=True).sort_values(_MOMENT, kind="stable")
    earlier = both.groupby("period_end", sort=False)[values].shift()
    repeats = _equal(both[values], earlier) & both.duplicated("period_end")
    both = both[~repeats].sort_values(["known_at", "period_end"], kind="stable")
    return to_arrow(both, schema)


def _dated(
    rows: pd.DataFrame, held: pd.DataFrame, values: list[str], delivered: pd.Timestamp
) -> pd.DataFrame:
    """Return ``rows`` without those that the lake has; what contradicts it is known later."""
    beside = rows[_MOMENT].merge(held, on=_MOMENT, how="left", indicator=True)
    beside.index = rows.index
    is_held = beside["_merge"] == "both"
    contradicts = is_held & ~_equal(rows[values], beside[values])
    late = contradicts & (rows["known_at"] >= delivered)
    if late.any():
        period = rows.loc[late.idxmax(), "period_end"]
        raise FormatError(
            f"two files differ on the period that ended {period}, and neither is the later one",
            fix="set the corrected file's modification time to when it was published",
        )
    dated = rows.assign(known_at=rows["known_at"].mask(contradicts, delivered))
    return dated[~is_held | contradicts].drop_duplicates(_MOMENT)


def _equal(left: pd.DataFrame, right: pd.DataFrame) -> pd.Series:
    same = left.eq(right) | (left.isna() & right.isna())
    return same.all(axis=1)
