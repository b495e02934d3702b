"""The months of bars that a staging run made stale, built instrument by instrument."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field

from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.slices import RAW_BARS
from fints_pipeline.data.staging_report import StagingReport

WORTH_PROCESSES = 24
"""Months a worker: below this, starting another process takes longer than it saves."""


@dataclass
class BuiltInstrument:
    """What was built of one instrument; bars and fills are of the base frequency.

    Attributes:
        instrument: ``dataset.SYMBOL``.
        months: How many months were written.
        bars: Bars in them.
        rejected: Raw rows that a rule left out.
        filled: Bars that carry the last price forward.
        holes: Bars that are missing.
        failures: Months that could not be built, and why.
    """

    instrument: str
    months: int = 0
    bars: int = 0
    rejected: int = 0
    filled: int = 0
    holes: int = 0
    failures: list[tuple[str, str]] = field(default_factory=list)


def build_changed(
    lake: Lake, datasets: Sequence[DatasetConfig], report: StagingReport, workers: int = 1
) -> list[BuiltInstrument]:
    """Build the bars of every slice that changed, or whose corporate actions did, or has none yet.

    One month that cannot be built stops no other.

    Args:
        lake: The lake.
        datasets: The configured datasets.
        report: What staging changed.
        workers: Processes to share the instruments between, where there is enough to do.

    Returns:
        One entry for each instrument of which anything was built or failed.
    """
    due = list(_due(lake, datasets, report))
    workers = min(workers, len(due), sum(len(each[-1]) for each in due) // WORTH_PROCESSES)
    if workers < 2:
        return [_build(*each) for each in due]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return list(pool.map(_build, *zip(*due, strict=True)))


def _build(
    lake: Lake, config: DatasetConfig, instrument: str, months: Sequence[str]
) -> BuiltInstrument:
    from fints_pipeline.data import partition

    done = BuiltInstrument(instrument)
    for month in months:
        try:
            quality = partition.build(lake, config, instrument, month).quality
        except UserError as error:
            done.failures.append((month, error.what))
            continue
        done.months += 1
        done.bars += quality.rows_out
        done.rejected += quality.rejected
        done.filled += quality.filled
        done.holes += quality.holes
    return done


def _due(
    lake: Lake, datasets: Sequence[DatasetConfig], report: StagingReport
) -> Iterator[tuple[Lake, DatasetConfig, str, list[str]]]:
    for config in datasets:
        for instrument in lake.instruments(RAW_BARS, config.base_frequency):
            if instrument.startswith(f"{config.name}."):
                months = _due_months(lake, config, instrument, report)
                if months:
                    yield lake, config, instrument, months


def _due_months(
    lake: Lake, config: DatasetConfig, instrument: str, report: StagingReport
) -> list[str]:
    months = lake.months(RAW_BARS, config.base_frequency, instrument)
    changed = [each for each in report.changes if each.instrument == instrument]
    if any(each.table != RAW_BARS for each in changed):
        return months
    fresh = {each.month for each in changed}
    return [
        month
        for month in months
        if month in fresh
        or not all(
            lake.exists(series_key("bars", frequency, instrument, month))
            for frequency in config.frequencies
        )
    ]
