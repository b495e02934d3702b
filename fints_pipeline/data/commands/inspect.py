"""Show what a file is: format and evidence, first rows as parsed, zone, tick, gaps.

    python -m fints_pipeline.data inspect ~/downloads/EURUSD.zip
    python -m fints_pipeline.data inspect bars.csv --write-config configs/data/mine.yaml

The file is unpacked under the same rules as an inbox, into a folder that is removed again; the
lake is not touched. A table that no format knows is guessed at; --write-config writes the YAML of
a data set that takes such files, with what is still open at its top.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from fints_pipeline.base.config import load_config
from fints_pipeline.base.errors import ConfigError, FormatError
from fints_pipeline.base.lake.atomic import write_text
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.archives import StagedArchive
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.inspection import Finding, inspected
from fints_pipeline.data.limits import load_limits
from fints_pipeline.data.outside import load_outside

FIRST_ROWS = 5
MOST_MEMBERS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", metavar="FILE", type=Path, help="an archive or a plain file")
    parser.add_argument(
        "--write-config",
        metavar="PATH",
        type=Path,
        help="write a data set's YAML for files like this one (an existing file is kept)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Print what the file is, and write the config if asked."""
    locations = Locations.from_environment()
    datasets = [
        load_config(path, DatasetConfig, section="dataset") for path in locations.dataset_configs()
    ]
    target: Path | None = arguments.write_config
    if target is not None and target.exists():
        raise ConfigError("the file exists", where=str(target), fix="name another one")
    others, limits = load_outside(locations), load_limits(locations)
    path = arguments.file.expanduser()
    with inspected(path, datasets, others=others, limits=limits) as (staged, findings):
        _print_archive(arguments.file, staged)
        for found in findings:
            _print_finding(found)
        if target is not None:
            _write(target, findings)


def _print_archive(path: Path, staged: StagedArchive) -> None:
    vouched = "a checksum file vouches for it" if staged.verified else "no checksum file"
    print(f"{path.name}: sha256 {staged.sha256}, {vouched}, delivered {staged.known_at:%Y-%m-%d}")
    for member in staged.members[:MOST_MEMBERS]:
        print(f"  {member.name}  {member.size:,} bytes")
    left = len(staged.members) - MOST_MEMBERS
    if left > 0:
        print(f"  … and {left} more members")


def _print_finding(found: Finding) -> None:
    print(f"\n{found.file.member}")
    for name, evidence in found.verdicts.items():
        mark = "yes" if evidence.matches else "no "
        print(f"  {mark} {name:16} {', '.join(evidence.reasons)}")
    for name, why in found.others.items():
        print(f"  {'no ' if why else 'yes'} {name:16} {why or 'has the columns of its config'}")
    takers = [*found.datasets, *(name for name, why in found.others.items() if why is None)]
    print(f"  data sets, series and news that take it: {', '.join(takers) or 'none'}")
    if found.guess is not None:
        for seen in found.guess.evidence:
            print(f"  seen: {seen}")
        for question in found.guess.open_questions:
            print(f"  open: {question}")
    if found.error is not None:
        print(f"  not readable: {found.error.what}\n    where: {found.error.where}")
    if found.bars is not None:
        _print_bars(found)


def _print_bars(found: Finding) -> None:
    from fints_pipeline.data.commands._table import print_table

    if found.bars is None:
        return
    table, symbols = found.bars.table, found.bars.symbols
    naive = f"taken as {found.timezone} where they carry no zone"
    print(f"  {table.num_rows:,} rows; stamps in UTC below, {naive}")
    print(f"  symbol: {found.symbol or 'none found'}; bars of {found.frequency}")
    if symbols is not None:
        print(f"  {len(symbols.unique()):,} symbols in its rows")
    print(f"  tick by the prices: {found.tick if found.tick is not None else 'none found'}")
    gaps = found.gaps
    if gaps is not None:
        longest = "; ".join(f"{first} to {last}" for first, last in gaps.longest)
        print(f"  {gaps.count:,} gaps longer than {gaps.step_minutes:g} min"
              f"{f', the longest {longest}' if longest else ''}; {gaps.backwards:,} steps out of "
              "order")  # fmt: skip
    if found.bars.actions is not None and found.bars.actions.num_rows:
        print(f"  {found.bars.actions.num_rows} splits and dividends")
    for note in found.bars.notes[:MOST_MEMBERS]:
        print(f"  note: {note}")
    names = ["open_time", "open", "high", "low", "close", "volume", "source_row"]
    head = table.slice(0, FIRST_ROWS).select(names)
    rows = [[str(row[0])[:19], *row[1:]] for row in zip(*head.to_pydict().values(), strict=True)]
    print_table(names, rows)


def _write(target: Path, findings: list[Finding]) -> None:
    from fints_pipeline.data.config_draft import draft

    useful = [found for found in findings if found.form is not None or _half_known(found)]
    if not useful:
        raise FormatError(
            "too little was understood to write a config",
            where=findings[0].file.where,
            fix="write one by hand; fints_pipeline/data/formats/custom.py shows how",
        )
    write_text(target, draft(useful[0], target.stem))
    print(f"\nwritten: {target}; read it through, then put such files into the inbox's folder "
          f"{target.stem}/")  # fmt: skip


def _half_known(found: Finding) -> bool:
    return found.guess is not None and bool(found.guess.layout.get("columns"))
