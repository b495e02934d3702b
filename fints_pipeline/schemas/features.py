"""Causal feature columns: `features_contract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandera.pandas as pa

from fints_pipeline.schemas.contract import (
    TableContract,
    ascending_close_time,
    flag,
    key_columns,
    number,
)


def features_contract(
    columns: Sequence[str], described: Mapping[str, tuple[str, str]] | None = None
) -> TableContract:
    """Return the schema of a feature table with these columns, null in their warm-up.

    Args:
        columns: names of the features.
        described: what each is, and its unit, for whoever reads the schema.
    """
    known = described or {}
    unknown = ("causal feature, known at close_time", None)
    features = {
        name: number(what, unit=unit, nullable=True)
        for name in columns
        for what, unit in [known.get(name, unknown)]
    }
    keys = {**key_columns(), "is_filled": flag("the bar is filled")}
    return TableContract(
        "features",
        pa.DataFrameSchema(
            {**keys, **features}, checks=[ascending_close_time()], strict=True, ordered=True
        ),
    )
