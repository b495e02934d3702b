"""Ask the lake in SQL; nothing can be written.

    python -m fints_pipeline.data sql "SHOW TABLES"
    python -m fints_pipeline.data sql "SELECT symbol, count(*) AS n FROM bars_5m GROUP BY symbol"
    python -m fints_pipeline.data sql "SELECT max(high) FROM bars_1m WHERE symbol = ?" --value 00001

A view is a table at one frequency: bars_1m, bars_5m, features_5m, labels_5m, tokens_5m …; tables
without one are predictions, corporate_actions, news. One SELECT is run. Values are bound with
--value, in the order of the question marks; they are text.
"""

from __future__ import annotations

import argparse
import json
import sys

import pyarrow as pa
import pyarrow.csv as pc

from fints_pipeline.data.catalog import DataCatalog
from fints_pipeline.data.commands._table import print_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("query", metavar="QUERY", help="one SELECT")
    parser.add_argument(
        "--value",
        metavar="TEXT",
        action="append",
        default=[],
        help="the value of the next question mark (can be given again)",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--csv", action="store_true", help="all rows as CSV")
    form.add_argument("--json", action="store_true", help="all rows as JSON, one object a line")


def run(arguments: argparse.Namespace) -> int:
    """Print the result."""
    table = DataCatalog.from_environment().sql(arguments.query, arguments.value)
    if arguments.csv:
        sys.stdout.flush()
        pc.write_csv(table, sys.stdout.buffer)
    elif arguments.json:
        for row in table.to_pylist():
            print(json.dumps(row, default=str, ensure_ascii=False))
    else:
        print_table(table.column_names, _rows(table))
        print(f"{table.num_rows} rows")
    return 0


def _rows(table: pa.Table) -> list[tuple[object, ...]]:
    columns = [column.to_pylist() for column in table.columns]
    return list(zip(*columns, strict=True))
