"""Bring the inbox's archives into the lake and make their bars, series and news.

    python -m fints_pipeline.data ingest
    python -m fints_pipeline.data ingest --inbox ~/downloads --dataset histdata

Every archive is verified, unpacked safely, recognised, parsed and cut into instrument-months;
those that changed are cleaned and resampled. Files of exogenous series (configs/exogenous) and of
news (configs/news) are read beside them. What is refused goes to quarantine with its reason,
stays where it lies, and stops no other; the exit status is then 1. Nothing is read twice: run it
again whenever something was added.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence

from fints_pipeline.base.config import load_config
from fints_pipeline.base.errors import KeyNotFoundError, UserError, nearest
from fints_pipeline.base.locations import Locations
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.limits import load_limits
from fints_pipeline.data.outside import Outside, load_outside
from fints_pipeline.data.staging_report import StagingReport

MOST_REFUSALS = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument(
        "--inbox", metavar="FOLDER", help="where the archives lie (default: $FINTS_INBOX)"
    )
    parser.add_argument(
        "--dataset",
        metavar="NAME",
        action="append",
        help="take files for this data set alone (can be given again; default: all of them)",
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=int,
        default=1,
        help="processes that build bars, for hundreds of months on idle cores (default: 1)",
    )
    parser.add_argument(
        "--raw-only", action="store_true", help="stop before cleaning: raw slices, no bars"
    )


def run(arguments: argparse.Namespace) -> int:
    """Stage the inbox, then build the bars of every slice that changed."""
    from fints_pipeline.data.staging import stage_inbox

    locations = Locations.from_environment()
    datasets = _datasets(locations, arguments.dataset)
    started = time.monotonic()
    others = load_outside(locations)
    report = stage_inbox(
        arguments.inbox or locations.inbox,
        locations.lake,
        datasets,
        load_limits(locations),
        progress=_tell,
        others=others,
    )
    _print_report(report)
    failed = 0
    if not arguments.raw_only:
        failed = _build(locations, datasets, report, arguments.workers)
        failed += _build_others(locations, others)
    print(f"done in {time.monotonic() - started:.1f} s; the lake is {locations.lake_root}")
    return 1 if report.quarantined or failed else 0


def _datasets(locations: Locations, names: Sequence[str] | None) -> list[DatasetConfig]:
    paths = locations.dataset_configs()
    if not paths:
        raise UserError(
            "no data set is configured",
            where=str(locations.configs / "data"),
            fix="write one with `python -m fints_pipeline.data inspect FILE --write-config PATH`",
        )
    found = [load_config(path, DatasetConfig, section="dataset") for path in paths]
    known = [config.name for config in found]
    for name in names or ():
        if name not in known:
            raise KeyNotFoundError(f"no data set {name!r}", fix=nearest(name, known))
    return [config for config in found if not names or config.name in names]


def _tell(number: int, total: int, relative: str) -> None:
    print(f"  [{number}/{total}] {relative}", flush=True)


def _print_report(report: StagingReport) -> None:
    counts = report.counts
    print(
        f"{counts['accepted']} accepted, {counts['unchanged']} unchanged, "
        f"{counts['quarantined']} quarantined, {counts['unfinished']} unfinished, "
        f"{counts['ignored']} ignored; {counts['rows_read']} rows read, "
        f"{counts['partitions_changed']} partitions changed"
    )
    for record in report.quarantined[:MOST_REFUSALS]:
        print(f"quarantined: {record.path}: {record.reason}")
        for label, text in (("where", record.evidence), ("fix", record.fix)):
            if text:
                print(f"  {label}: {text}")
    left = len(report.quarantined) - MOST_REFUSALS
    if left > 0:
        print(f"… and {left} more quarantined")
    for done in report.accepted:
        for note in done.notes:
            print(f"note: {done.path}: {note}")


def _build(
    locations: Locations, datasets: list[DatasetConfig], report: StagingReport, workers: int
) -> int:
    """Build bars; return how many months could not be built."""
    from fints_pipeline.data.building import build_changed
    from fints_pipeline.data.commands._table import print_table

    built = build_changed(locations.lake, datasets, report, workers)
    rows = [
        (each.instrument, each.months, each.bars, each.rejected, each.filled, each.holes)
        for each in built
    ]
    header = ("instrument", "months", "bars", "rows rejected", "bars filled", "holes")
    print_table(header, rows)
    failures = [(each.instrument, *failure) for each in built for failure in each.failures]
    for instrument, month, reason in failures[:MOST_REFUSALS]:
        print(f"not built: {instrument} {month}: {reason}")
    return len(failures)


def _build_others(locations: Locations, others: Outside) -> int:
    """Build series and news; return how many could not be built."""
    from fints_pipeline.data.outside_building import build_stale

    built = build_stale(locations.lake, others)
    for name, rows in built.series.items():
        print(f"series {name}: {rows} rows")
    for subject, (months, items) in built.news.items():
        print(f"news of {subject}: {items} items in {months} months")
    for name, reason in built.failures:
        print(f"not built: {name}: {reason}")
    return len(built.failures)
