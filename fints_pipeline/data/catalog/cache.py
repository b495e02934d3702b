"""Tables read lately, up to a number of bytes; the longest unused goes first."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

import pyarrow as pa


class TableCache:
    """A least-recently-used cache of Arrow tables, which nobody can change.

    Args:
        limit: Most bytes to hold; a table that is larger by itself is not kept.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.bytes = 0
        self._tables: OrderedDict[Hashable, pa.Table] = OrderedDict()

    def __len__(self) -> int:
        """Return how many tables are held."""
        return len(self._tables)

    def get(self, key: Hashable) -> pa.Table | None:
        """Return the table kept under a key, or None."""
        if key not in self._tables:
            return None
        self._tables.move_to_end(key)
        return self._tables[key]

    def put(self, key: Hashable, table: pa.Table) -> None:
        """Keep a table."""
        if key in self._tables:
            self.bytes -= self._tables.pop(key).nbytes
        if table.nbytes > self.limit:
            return
        self._tables[key] = table
        self.bytes += table.nbytes
        while self.bytes > self.limit:
            _, dropped = self._tables.popitem(last=False)
            self.bytes -= dropped.nbytes
