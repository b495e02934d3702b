"""What the lake asks of a schema, and the one that needs nothing but Arrow."""

from __future__ import annotations

from typing import Protocol

import pyarrow as pa

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import SchemaError


class TableValidator(Protocol):
    """A schema that the lake validates tables with before it writes them."""

    @property
    def name(self) -> str:
        """The schema's name, for messages."""
        ...

    @property
    def arrow_schema(self) -> pa.Schema:
        """Column names, types and order."""
        ...

    @property
    def fingerprint(self) -> str:
        """Changes when the schema does."""
        ...

    def validate(self, table: pa.Table) -> None:
        """Raise `SchemaError` when ``table`` violates the schema."""
        ...


class ArrowContract:
    """Names, types, order and null-freedom of columns; for machines without Pandera."""

    def __init__(self, name: str, arrow_schema: pa.Schema) -> None:
        self.name = name
        self.arrow_schema = arrow_schema

    @property
    def fingerprint(self) -> str:
        """Changes when a column's name, type, order or nullability does."""
        return schema_fingerprint(self.arrow_schema)

    def validate(self, table: pa.Table) -> None:
        """Check names, order, types and nulls."""
        check_columns(self.name, self.arrow_schema, table)


def schema_fingerprint(schema: pa.Schema, *constraints: str) -> str:
    """Return a digest of a schema's columns and of the constraints beyond them."""
    columns = (f"{field.name}:{field.type}:{field.nullable}" for field in schema)
    return text_digest(*columns, *constraints)


def check_columns(name: str, schema: pa.Schema, table: pa.Table) -> None:
    """Check that ``table`` has just the columns of ``schema``, in order, typed and null-free alike.

    Raises:
        SchemaError: it has not; the message names the column, and for nulls the first row.
    """
    if table.schema.names != schema.names:
        raise SchemaError(
            f"{name}: columns differ from the schema",
            where=f"found {table.schema.names}",
            fix=f"expected {schema.names}",
        )
    for field in schema:
        column = table.column(field.name)
        if column.type != field.type:
            raise SchemaError(f"{name}.{field.name} is {column.type}, expected {field.type}")
        if not field.nullable and column.null_count:
            row = column.is_null().to_pylist().index(True)
            raise SchemaError(
                f"{name}.{field.name} holds {column.null_count} nulls", where=f"first at row {row}"
            )
