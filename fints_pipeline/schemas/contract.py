"""A Pandera schema as the lake takes it: with Arrow types, a fingerprint and readable errors."""

from __future__ import annotations

import hashlib
import inspect
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pandera.pandas as pa
import pyarrow
from pandera.errors import SchemaErrors

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake.contract import check_columns, schema_fingerprint
from fints_pipeline.schemas.row_rules import Columns, RowRule, row_check
from fints_pipeline.schemas.screening import is_understood, is_valid

UTC_STAMP = pyarrow.timestamp("us", tz="UTC")
_MAX_REPORTED = 5


class TableContract:
    """What a table must satisfy before it is written and after it is read.

    Args:
        name: The table's name.
        schema: Pandera schema of the table as pandas shows it; every column's ``metadata`` holds
            its ``arrow`` type and may hold its ``unit``.
    """

    def __init__(self, name: str, schema: pa.DataFrameSchema) -> None:
        self.name = name
        self.schema = schema
        self.arrow_schema = pyarrow.schema(
            [
                pyarrow.field(column, spec.metadata["arrow"], nullable=spec.nullable)
                for column, spec in schema.columns.items()
            ]
        )

    @cached_property
    def fingerprint(self) -> str:
        """Changes when a column, a type or a check does."""
        checks = [
            f"{column}:{check.name}:{check.statistics}"
            for column, spec in self.schema.columns.items()
            for check in spec.checks
        ]
        checks += [_source_digest(check) for check in self.schema.checks]
        return schema_fingerprint(self.arrow_schema, *checks)

    def validate(self, table: pyarrow.Table) -> None:
        """Check columns, types, nulls and values.

        The schema's checks are called on the columns as they are; unless they all pass, Pandera
        judges the table, and says what is wrong.

        Raises:
            SchemaError: names the table, the column, the check, the first rows and their values.
        """
        check_columns(self.name, self.arrow_schema, table)
        if self._is_understood and is_valid(self.schema, table):
            return
        try:
            self.schema.validate(to_pandas(table), lazy=True)
        except SchemaErrors as errors:
            raise SchemaError(_describe(self.name, errors), fix=_ADVICE) from None

    @cached_property
    def _is_understood(self) -> bool:
        return is_understood(self.schema, self.arrow_schema)

    def describe(self) -> list[tuple[str, str, str, bool]]:
        """Return (column, Arrow type, description with unit, nullable) of every column."""
        return [
            (field.name, str(field.type), self._text(field.name), field.nullable)
            for field in self.arrow_schema
        ]

    def _text(self, column: str) -> str:
        spec = self.schema.columns[column]
        unit = (spec.metadata or {}).get("unit")
        text = spec.description or ""
        return f"{text} [{unit}]" if unit else text


_ADVICE = "the rows above break the schema; mend the input or the stage that made them"


def column(
    dtype: object,
    arrow: pyarrow.DataType,
    description: str,
    *,
    unit: str | None = None,
    nullable: bool = False,
    checks: list[pa.Check] | None = None,
) -> pa.Column:
    """Return a Pandera column that knows its Arrow type and unit."""
    metadata = {"arrow": arrow, "unit": unit}
    return pa.Column(
        dtype, checks or [], nullable=nullable, description=description, metadata=metadata
    )


def text(description: str, *, isin: list[str] | None = None) -> pa.Column:
    """Return a string column."""
    checks = [pa.Check.isin(isin)] if isin else None
    return column(object, pyarrow.string(), description, checks=checks)


def stamp(description: str, *, nullable: bool = False) -> pa.Column:
    """Return a UTC time stamp column in microseconds."""
    return column("datetime64[us, UTC]", UTC_STAMP, description, unit="UTC", nullable=nullable)


def day(description: str) -> pa.Column:
    """Return a date column."""
    return column("datetime64[us]", pyarrow.date32(), description)


def number(
    description: str,
    *,
    unit: str | None = None,
    nullable: bool = False,
    checks: list[pa.Check] | None = None,
) -> pa.Column:
    """Return a float64 column; it must be finite, and null only where ``nullable``."""
    finite = pa.Check(_is_finite, name="is_finite", ignore_na=True)
    checks = [finite, *(checks or [])]
    return column(
        "float64", pyarrow.float64(), description, unit=unit, nullable=nullable, checks=checks
    )


def flag(description: str) -> pa.Column:
    """Return a boolean column."""
    return column(bool, pyarrow.bool_(), description)


def key_columns() -> dict[str, pa.Column]:
    """Return the columns that every bar-wise table starts with."""
    return {
        "instrument": text("dataset.SYMBOL"),
        "open_time": stamp("start of the bar, included"),
        "close_time": stamp("end of the bar, excluded; the row is known from here on"),
        "session": day("exchange trading day"),
    }


def ascending_close_time() -> pa.Check:
    """Return the check that bars follow each other in time."""
    return row_check(_is_ascending, "close_time_strictly_ascending")


def _is_finite(values: pd.Series) -> pd.Series:
    return values.abs() < float("inf")


def _is_ascending(columns: Columns) -> npt.NDArray[np.bool_]:
    closed = columns["close_time"]
    later = np.ones(len(closed), dtype=np.bool_)
    later[1:] = closed[1:] > closed[:-1]
    return later


def _source_digest(check: pa.Check) -> str:
    function = check._check_fn
    judge = function.judge if isinstance(function, RowRule) else function
    return f"{check.name}:{hashlib.sha256(inspect.getsource(judge).encode()).hexdigest()[:16]}"


def _describe(name: str, errors: SchemaErrors) -> str:
    cases = errors.failure_cases
    whole_row = cases["schema_context"] == "DataFrameSchema"
    lines = [f"{name} violates its schema"]
    for check, group in cases[whole_row].groupby("check", sort=False):
        rows = group["index"].drop_duplicates().sort_values()
        lines.append(f"  {check} fails in {len(rows)} rows: {_first(rows.astype(str))}")
    for (column_name, check), group in cases[~whole_row].groupby(["column", "check"], sort=False):
        found = group["failure_case"].astype(str)
        values = group["index"].astype(str) + f" ({column_name} = " + found + ")"
        lines.append(f"  {column_name} fails {check} in {len(group)} rows: {_first(values)}")
    return "\n".join(lines)


def _first(rows: pd.Series) -> str:
    shown = ", ".join(f"row {row}" for row in rows.head(_MAX_REPORTED))
    return shown + (", …" if len(rows) > _MAX_REPORTED else "")
