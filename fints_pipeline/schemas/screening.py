"""Whether a table certainly satisfies its Pandera schema, told without Pandera's bookkeeping.

Each of the schema's checks is made once: one that allows an interval on the column's smallest and
largest value, membership on its distinct values, a `row_rules.RowRule` on the columns as they are,
any other one on the whole column or frame. What this does not understand counts as doubtful, and
Pandera decides.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa
import pyarrow
import pyarrow.compute as pc
from pandera.engines.pandas_engine import Engine

from fints_pipeline.base.frames import to_pandas
from fints_pipeline.schemas.row_rules import RowRule

Values: TypeAlias = npt.NDArray[Any]
INTERVALS: dict[str, Callable[..., Values]] = {
    "is_finite": np.isfinite,
    "greater_than": lambda values, min_value: values > min_value,
    "greater_than_or_equal_to": lambda values, min_value: values >= min_value,
    "less_than": lambda values, max_value: values < max_value,
    "less_than_or_equal_to": lambda values, max_value: values <= max_value,
    "in_range": lambda values, min_value, max_value, include_min, include_max: (
        (values >= min_value if include_min else values > min_value)
        & (values <= max_value if include_max else values < max_value)
    ),
}
"""The checks that allow the values of an interval, whatever their neighbours are, by Pandera's
names; tests hold them to what Pandera does under these."""
MEMBERSHIP = "isin"
_NOT_A_TIME = np.iinfo(np.int64).min


def is_understood(schema: pa.DataFrameSchema, arrow_schema: pyarrow.Schema) -> bool:
    """Return whether tables of a schema can be screened, and have the types that it asks for.

    Args:
        schema: Pandera schema of the table as pandas shows it.
        arrow_schema: The table's.
    """
    columns = list(schema.columns.values())
    checks = [*schema.checks, *(check for spec in columns for check in spec.checks)]
    special = [schema.index, schema.dtype, schema.coerce, schema.parsers]
    special += [each for spec in columns for each in (spec.coerce, spec.unique, spec.parsers)]
    special += [each for check in checks for each in (check.element_wise, check.groupby)]
    if any(special) or not all(spec.required and not spec.regex for spec in columns):
        return False
    empty = to_pandas(arrow_schema.empty_table())
    for name, spec in schema.columns.items():
        for check in spec.checks:
            check(empty[name])  # a built-in check finds its function for pandas when first called
    return all(
        spec.dtype is None or spec.dtype.check(Engine.dtype(empty[name].dtype))
        for name, spec in schema.columns.items()
    )


def is_valid(schema: pa.DataFrameSchema, table: pyarrow.Table) -> bool:
    """Return True if ``table`` satisfies ``schema``; False where it does not, or in doubt.

    Args:
        schema: One that `is_understood`.
        table: Columns, types, and nulls in Arrow's sense, are as the schema says.
    """
    return all(
        _column_is_valid(spec, table[name]) for name, spec in schema.columns.items()
    ) and _frame_is_valid(schema, table)


def _column_is_valid(spec: pa.Column, values: pyarrow.ChunkedArray) -> bool:
    if pyarrow.types.is_string(values.type):
        return _strings_are_valid(spec, values)
    if values.null_count and not pyarrow.types.is_floating(values.type):
        # Stamps keep their type with nulls in pandas; whole numbers and flags do not.
        return pyarrow.types.is_timestamp(values.type) and not spec.checks
    if pyarrow.types.is_timestamp(values.type):
        values = values.cast(pyarrow.int64())
        return not spec.checks and pc.min(values).as_py() != _NOT_A_TIME
    if not spec.checks and (spec.nullable or not pyarrow.types.is_floating(values.type)):
        return True
    return _numbers_are_valid(spec, values.to_numpy())


def _strings_are_valid(spec: pa.Column, values: pyarrow.ChunkedArray) -> bool:
    if not spec.checks:
        return True
    distinct = pd.Series(values.unique().drop_null().to_pylist(), dtype=object)
    return all(check.name == MEMBERSHIP and _passes(check, distinct) for check in spec.checks)


def _numbers_are_valid(spec: pa.Column, values: Values) -> bool:
    if not values.size:
        return True
    if not spec.nullable and np.isnan(values.min()):
        return False
    extremes = np.array([np.fmin.reduce(values), np.fmax.reduce(values)])
    for check in spec.checks:
        if check.name not in INTERVALS:
            if not _passes(check, pd.Series(values).dropna()):
                return False
        elif (
            not np.isnan(extremes[0])
            and not INTERVALS[check.name](extremes, **check.statistics).all()
        ):
            return False
    return True


def _frame_is_valid(schema: pa.DataFrameSchema, table: pyarrow.Table) -> bool:
    rules = [check._check_fn for check in schema.checks]
    if rules and all(isinstance(rule, RowRule) for rule in rules) and not schema.unique:
        columns = _Columns(table)
        return all(bool(rule.judge(columns).all()) for rule in rules)
    if not rules and not schema.unique:
        return True
    together = schema.unique or []
    needed = [
        field.name
        for field in table.schema
        if field.name in together or not pyarrow.types.is_string(field.type)
    ]
    frame = to_pandas(table.select(needed))
    if together and frame.duplicated(together).any():
        return False
    try:
        return all(_passes(check, frame) for check in schema.checks)
    except KeyError:  # it asks for text, which is left out because it is slow to convert
        return False


class _Columns(dict[str, Values]):
    """A table's columns as arrays, each converted when a rule first asks for it."""

    def __init__(self, table: pyarrow.Table) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, name: str) -> Values:
        values: Values = self._table[name].to_numpy()
        self[name] = values
        return values


def _passes(check: pa.Check, values: pd.Series | pd.DataFrame) -> bool:
    passed = check._check_fn(values, **check._check_kwargs)
    return bool(np.asarray(passed, dtype=np.bool_).all())
