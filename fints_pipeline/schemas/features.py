"""Causal feature columns: `features_contract`."""

from __future__ import annotations

from collections.abc import Sequence

import pandera.pandas as pa

from fints_pipeline.schemas.contract import (
    TableContract,
    ascending_close_time,
    flag,
    key_columns,
    number,
)


def features_contract(columns: Sequence[str]) -> TableContract:
    """Return the schema of a feature table with these columns, null in their warm-up."""
    features = {
        name: number("causal feature, known at close_time", nullable=True) for name in columns
    }
    keys = {**key_columns(), "is_filled": flag("the bar is filled")}
    return TableContract(
        "features",
        pa.DataFrameSchema(
            {**keys, **features}, checks=[ascending_close_time()], strict=True, ordered=True
        ),
    )
