"""Series from outside the traded market, each value with the time from which it is known."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
import pandera.pandas as pa

from fints_pipeline.schemas.contract import TableContract, number, stamp, text

EXOGENOUS_KEY = ("series", "period_end", "known_at")
"""Columns that every exogenous series starts with."""


def _known_in_order(frame: pd.DataFrame) -> pd.Series:
    later = frame["known_at"].diff() >= pd.Timedelta(0)
    if len(later):
        later.iloc[0] = True
    return later


def exogenous_contract(columns: Sequence[str], unit: str | None = None) -> TableContract:
    """Return the schema of an exogenous series with these value columns, in ``unit``.

    Rows ascend by ``known_at``, then ``period_end``. A restated value is a further row with the
    same ``period_end`` and a later ``known_at``.
    """
    values = {name: number("value of the period", unit=unit, nullable=True) for name in columns}
    return TableContract(
        "exogenous",
        pa.DataFrameSchema(
            {
                "series": text("name of the series"),
                "period_end": stamp("end of the period that the values describe"),
                "known_at": stamp("when the values were published: no earlier bar may use them"),
                **values,
            },
            checks=[pa.Check(_known_in_order, name="known_at_ascending")],
            unique=["period_end", "known_at"],
            strict=True,
            ordered=True,
        ),
    )
