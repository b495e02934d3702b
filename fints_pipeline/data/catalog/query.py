"""SQL that can read the lake's partitions and do nothing else."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

import duckdb
import pyarrow as pa

from fints_pipeline.base.errors import KeyNotFoundError, UserError, nearest
from fints_pipeline.data.catalog.inventory import Partition
from fints_pipeline.data.catalog.views import create_view, file_list, views_of

Parameters = Sequence[Any] | Mapping[str, Any]

_SETTINGS = (
    "SET TimeZone = 'UTC'",
    # No file is cached: a partition may be replaced within the resolution of its time stamp.
    "SET enable_external_file_cache = false",
    # A name in SQL never means a variable of the calling program.
    "SET python_enable_replacements = false",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    # Nothing is spilled to disk; a query that needs more than the memory fails and says so.
    "SET temp_directory = ''",
)
_LOCK = ("SET enable_external_access = false", "SET lock_configuration = true")
_MISSING_TABLE = re.compile(r"Table with name (\S+) does not exist")
_MISSING_COLUMN = re.compile(r'Referenced column "([^"]+)" not found')


class Queries:
    """A read-only connection over some partitions.

    The one thing on disk that it can reach are the partitions' own files; it cannot write them
    either, since nothing but a single SELECT is run (EXPLAIN ANALYZE would run what it explains),
    and its settings are locked.

    Args:
        partitions: What the views shall show.
    """

    def __init__(self, partitions: Sequence[Partition]) -> None:
        self.views = views_of(partitions)
        self._connection = duckdb.connect(":memory:")
        for statement in _SETTINGS:
            self._connection.execute(statement)
        self._connection.execute(f"SET allowed_paths = {file_list(partitions)}")
        self._connection.execute(_LOCK[0])
        for name, found in self.views.items():
            self._connection.execute(create_view(name, found))
        self._connection.execute(_LOCK[1])

    def run(self, query: str, parameters: Parameters | None = None) -> pa.Table:
        """Return the result of one SELECT.

        Args:
            query: The statement; values stand in it as ``?``, ``$1`` or ``$name``.
            parameters: Their values, bound, never pasted in.

        Raises:
            UserError: the statement is not one SELECT, is wrong, or fails.
            KeyNotFoundError: a view or column does not exist.
        """
        try:
            self._refuse_all_but_one_select(query)
            bound = dict(parameters) if isinstance(parameters, Mapping) else list(parameters or [])
            relation = self._connection.sql(query, params=bound or None)
            return _with_plain_integers(relation.to_arrow_table())
        except duckdb.Error as error:
            raise self._explained(error, query) from None

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _refuse_all_but_one_select(self, query: str) -> None:
        statements = duckdb.extract_statements(query)
        if len(statements) != 1:
            raise UserError(
                f"{len(statements)} statements where one is run at a time", where=query, fix=_ADVICE
            )
        if statements[0].type is not duckdb.StatementType.SELECT:
            kind = statements[0].type.name
            raise UserError(f"{kind} is not run: the lake is read-only", where=query, fix=_ADVICE)

    def _explained(self, error: duckdb.Error, query: str) -> UserError:
        text = str(error)
        message = text.split("\n", 1)[0]
        if table := _MISSING_TABLE.search(text):
            name = table[1].strip('"')
            hint = nearest(name, self.views) or "the lake holds no table yet"
            return KeyNotFoundError(f"no view {name!r}", where=query, fix=hint)
        if column := _MISSING_COLUMN.search(text):
            return KeyNotFoundError(
                f"no column {column[1]!r}", where=query, fix=self._near_column(column[1], query)
            )
        if isinstance(error, duckdb.PermissionException):
            return UserError(message, where=query, fix="name a view: " + ", ".join(self.views))
        return UserError(message, where=query)

    def _near_column(self, name: str, query: str) -> str:
        words = set(re.findall(r"\w+", query))
        used = [found for view, found in self.views.items() if view in words]
        return nearest(
            name, {column for found in used for one in found for column in one.schema.names}
        )


def _with_plain_integers(table: pa.Table) -> pa.Table:
    """Return sums of integers as integers: DuckDB gives 128 bits, in Arrow a decimal."""
    for position, column in enumerate(table.columns):
        if column.type == _HUGE:
            with contextlib.suppress(pa.ArrowInvalid):  # too large for 64 bits: it stays
                narrow = column.cast(pa.int64())
                table = table.set_column(position, table.column_names[position], narrow)
    return table


_HUGE = pa.decimal128(38, 0)
_ADVICE = "write one SELECT; views and their columns: `SHOW TABLES`, `DESCRIBE bars_5m`"
