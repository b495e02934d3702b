"""Series that are not bars (rates, indices, surveys) with the time at which each became known."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pandera.pandas as pa

from fints_pipeline.base.lake import TableKey, series_key
from fints_pipeline.schemas.contract import TableContract, number, stamp


def exogenous_key(source: str) -> TableKey:
    """Return where the lake keeps a series: all of it in one partition, instrument = its name."""
    return series_key("exogenous", "event", source, "all")


def exogenous_contract(values: Sequence[str]) -> TableContract:
    """Return the schema of a series with these value columns, one row a publication.

    A restated value is a new row with a later `known_at`; the old row stays.
    """
    columns = {
        "known_at": stamp("time of publication"),
        **{name: number("published value", nullable=True) for name in values},
    }
    return TableContract(
        "exogenous",
        pa.DataFrameSchema(
            columns,
            checks=[pa.Check(_is_sorted, name="known_at_ascending")],
            strict=True,
            ordered=True,
        ),
    )


def _is_sorted(frame: pd.DataFrame) -> bool:
    return bool(frame["known_at"].is_monotonic_increasing)
