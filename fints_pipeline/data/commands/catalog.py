"""What the lake holds: coverage with holes, rows, sessions, quality counts and digests.

    python -m fints_pipeline.data catalog
    python -m fints_pipeline.data catalog --dataset binance --freq 1m
    python -m fints_pipeline.data catalog --symbol BTCUSDT --json

Filled, holes and rejected are those of cleaning, at the data set's base frequency. Names that do
not exist are answered with the nearest ones that do.
"""

from __future__ import annotations

import argparse
import json

from fints_pipeline.data.catalog import Coverage, DataCatalog
from fints_pipeline.data.commands._table import print_table

_HEADER = (
    "instrument",
    "freq",
    "first",
    "last",
    "months",
    "missing",
    "rows",
    "sessions",
    "empty",
    "partial",
    "filled",
    "holes",
    "rejected",
    "MB",
    "digest",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--dataset", metavar="NAME", help="this data set alone")
    parser.add_argument("--symbol", metavar="SYMBOL", help="this symbol, or dataset.SYMBOL")
    parser.add_argument("--freq", metavar="FREQ", help="this frequency alone, for example 5m")
    parser.add_argument("--table", metavar="TABLE", default="bars", help="(default: bars)")
    parser.add_argument("--json", action="store_true", help="everything, as JSON")


def run(arguments: argparse.Namespace) -> int:
    """Print the table."""
    catalog = DataCatalog.from_environment()
    with catalog.one_look():
        return _show(catalog, arguments)


def _show(catalog: DataCatalog, arguments: argparse.Namespace) -> int:
    asked = (arguments.dataset, arguments.symbol, arguments.freq)
    found: list[Coverage] = []
    if any(asked) or arguments.table in catalog.tables():
        found = catalog.coverage(*asked, table=arguments.table)
    damaged = catalog.damaged()
    if arguments.json:
        content = {
            "lake": str(catalog.lake.location),
            "series": [one.to_dict() for one in found],
            "damaged": {str(path): reason for path, reason in damaged.items()},
        }
        print(json.dumps(content, indent=1, default=str))
        return 0
    print_table(_HEADER, [_row(one) for one in found])
    for one in found:
        if one.missing_months:
            print(f"{one.instrument} {one.freq}: no {', '.join(one.missing_months)}")
        if one.outdated:
            print(f"{one.instrument} {one.freq}: older schema in {', '.join(one.outdated)}")
    for name in sorted({one.instrument for one in found}):
        spells = catalog.tickers(name) if arguments.table == "bars" else []
        if len({ticker for ticker, _, _ in spells}) > 1:
            told = ", ".join(f"{ticker} until {last}" for ticker, _, last in spells[:-1])
            print(f"{name}: was {told}; {spells[-1][0]} since {spells[-1][1]}")
    if damaged:
        print(f"{len(damaged)} damaged files: `python -m fints_pipeline.data verify`")
    tables = ", ".join(catalog.tables()) or "nothing yet"
    print(f"{len(found)} series; the lake {catalog.lake.location} holds {tables}")
    return 0


def _row(one: Coverage) -> tuple[object, ...]:
    return (
        one.instrument,
        one.freq,
        f"{one.first:%Y-%m-%d %H:%M}" if one.first else None,
        f"{one.last:%Y-%m-%d %H:%M}" if one.last else None,
        len(one.months),
        len(one.missing_months),
        one.rows,
        one.sessions,
        len(one.empty_sessions),
        len(one.partial_sessions),
        one.filled,
        one.holes,
        one.rejected,
        round(one.size / 1e6, 1),
        one.digest[:12],
    )
