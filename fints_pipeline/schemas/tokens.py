"""Factorised price-action tokens: `tokens_contract`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandera.pandas as pa
import pyarrow

from fints_pipeline.schemas.contract import (
    TableContract,
    ascending_close_time,
    column,
    flag,
    key_columns,
)


def tokens_contract(fields: Mapping[str, Sequence[str]]) -> TableContract:
    """Return the schema of a token table.

    Args:
        fields: Values of each field, in order; a token is the index of its value.
    """
    tokens = {name: _field(name, values) for name, values in fields.items()}
    keys = {**key_columns(), "is_filled": flag("the bar is filled")}
    return TableContract(
        "tokens",
        pa.DataFrameSchema(
            {**keys, **tokens}, checks=[ascending_close_time()], strict=True, ordered=True
        ),
    )


def _field(name: str, values: Sequence[str]) -> pa.Column:
    within = pa.Check.in_range(0, len(values) - 1)
    return column("int8", pyarrow.int8(), f"{name}: {' '.join(values)}", checks=[within])
