"""The lake's tables as DuckDB views, for example `bars_5m`, `features_5m` and `predictions`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from fints_pipeline.data.catalog.inventory import EVENTS, Partition


def view_name(partition: Partition) -> str:
    """Return the view that a partition belongs to: its table, and its frequency if it has one."""
    freq = partition.part("freq")
    return partition.key.table if freq in ("", EVENTS) else f"{partition.key.table}_{freq}"


def views_of(partitions: Iterable[Partition]) -> dict[str, list[Partition]]:
    """Return the partitions of each view, views by name."""
    views: dict[str, list[Partition]] = defaultdict(list)
    for one in partitions:
        views[view_name(one)].append(one)
    return dict(sorted(views.items()))


def create_view(name: str, partitions: list[Partition]) -> str:
    """Return the statement that creates a view.

    Folder names are text, never guessed to be numbers or dates: symbol 000001 stays 000001. Where
    partitions differ in their columns, the view has all of them.
    """
    keys = [part for part, _ in partitions[0].key.parts]
    kinds = ", ".join(f"{quoted_name(key)}: VARCHAR" for key in keys)
    files = file_list(partitions)
    # To unite columns, DuckDB opens every file, also those that a query prunes.
    united = any(one.schema != partitions[0].schema for one in partitions)
    source = (
        f"read_parquet({files}, union_by_name = {united}, hive_partitioning = true, "
        f"hive_types = {{{kinds}}})"
    )
    columns = "* EXCLUDE (freq)" if "freq" in keys else "*"
    if "instrument" in keys:
        columns += (
            ", split_part(instrument, '.', 1) AS dataset"
            ", substr(instrument, strpos(instrument, '.') + 1) AS symbol"
        )
    return f"CREATE VIEW {quoted_name(name)} AS SELECT {columns} FROM {source}"


def file_list(partitions: Iterable[Partition]) -> str:
    """Return the partitions' files as a list that DuckDB reads."""
    return "[" + ", ".join(quoted_text(str(one.path.absolute())) for one in partitions) + "]"


def quoted_name(name: str) -> str:
    """Return an identifier as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def quoted_text(text: str) -> str:
    """Return a string as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
