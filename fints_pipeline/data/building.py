"""The months of bars that a staging run made stale, built instrument by instrument."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from fints_pipeline.base.errors import SchemaError, UserError
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.base.time import next_month
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.slices import RAW_BARS
from fints_pipeline.data.staging_report import StagingReport

if TYPE_CHECKING:
    from fints_pipeline.data.carried import Carried
    from fints_pipeline.data.partition import BarsPartition

WORTH_PROCESSES = 24
"""Months a worker: below this, starting another process takes longer than it saves."""
WRITERS = 2
"""Threads that write: a month takes about twice as long to write as to compute."""
_Due: TypeAlias = tuple[Lake, DatasetConfig, str, list[str]]
_Writing: TypeAlias = "deque[tuple[BuiltInstrument, str, Future[BarsPartition]]]"


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

    One month that cannot be built stops no other; nor can one whose clock does not fit its market.

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
        return _build(due)
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        return [built for (built,) in pool.map(_build, [[each] for each in due])]


def _build(due: Sequence[_Due]) -> list[BuiltInstrument]:
    """Compute month after month while threads write those before.

    Digesting, encoding and waiting for the disk leave the interpreter to the next computation. Few
    months wait to be written, so that memory does not grow with their number.
    """
    from fints_pipeline.data import partition

    built = [BuiltInstrument(instrument) for _, _, instrument, _ in due]
    writing: _Writing = deque()
    with ThreadPoolExecutor(WRITERS) as writers:
        for done, (lake, config, instrument, months) in zip(built, due, strict=True):
            carried = None
            for month in lake.months(RAW_BARS, config.base_frequency, instrument):
                if month < months[0]:
                    continue
                # A month goes on from the one before: it is due where that hands on something else.
                moved = (
                    carried is not None
                    and partition.started_from(lake, config, instrument, month) != carried.digest
                )
                if month not in months and not moved:
                    carried = None
                    continue
                try:
                    check = partition.clock(lake, config, instrument, month)
                    if not check.passed:
                        raise SchemaError(check.reason)
                    result = partition.compute(lake, config, instrument, month, before=carried)
                except UserError as error:
                    done.failures.append((month, error.what))
                    _settle_all(writing)
                    carried = _in_lake_after(month, lake, config, instrument)
                    continue
                carried = result.carried
                made = writers.submit(partition.write, lake, config, instrument, month, result)
                writing.append((done, month, made))
                if len(writing) > WRITERS and not _settle(*writing.popleft()):
                    _settle_all(writing)
                    carried = _in_lake_after(month, lake, config, instrument)
        _settle_all(writing)
    for done in built:
        done.failures.sort()
    return built


def _in_lake_after(
    month: str, lake: Lake, config: DatasetConfig, instrument: str
) -> Carried | None:
    """Return what the lake hands on to the month after a failed one; None where that is damaged."""
    from fints_pipeline.data import partition

    try:
        return partition.carried_before(lake, config, instrument, next_month(month))
    except UserError:
        # Whichever month goes on from it reads it again, and tells of the damage as its own.
        return None


def _settle_all(writing: _Writing) -> None:
    while writing:
        _settle(*writing.popleft())


def _settle(done: BuiltInstrument, month: str, made: Future[BarsPartition]) -> bool:
    """Wait until a month is written, count it, and return whether it was."""
    try:
        quality = made.result().quality
    except UserError as error:
        done.failures.append((month, error.what))
        return False
    done.months += 1
    done.bars += quality.rows_out
    done.rejected += quality.rejected
    done.filled += quality.filled
    done.holes += quality.holes
    return True


def _due(lake: Lake, datasets: Sequence[DatasetConfig], report: StagingReport) -> Iterator[_Due]:
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
