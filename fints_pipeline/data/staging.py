"""The inbox into the lake: every archive verified, unpacked, recognised, parsed and sliced.

One bad archive never stops the others: it goes to quarantine with its reason and stays where it
lies. What was staged before is not read again unless the way to read it changed.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import (
    ArchiveError,
    CalendarError,
    FormatError,
    SchemaError,
    UserError,
)
from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.atomic import TEMPORARY_PREFIX, locked
from fints_pipeline.data import archives, inbox
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.delivery_index import DeliveryIndex, IndexEntry, parts_exist
from fints_pipeline.data.delivery_reader import DeliveryReader, Unread, is_unfinished
from fints_pipeline.data.exogenous.intake import read_again
from fints_pipeline.data.inbox import Delivery, Scan
from fints_pipeline.data.intake import Pending, commit
from fints_pipeline.data.limits import Limits
from fints_pipeline.data.outside import Outside
from fints_pipeline.data.quarantine import Quarantine
from fints_pipeline.data.sources import Source, load_sources
from fints_pipeline.data.staging_report import StagedDelivery, StagingReport
from fints_pipeline.data.taken import Intake
from fints_pipeline.data.tickers import ContestedTickerError, written
from fints_pipeline.data.unpacking_ahead import UnpackingAhead
from fints_pipeline.data.unstaged import ANY_TIME, is_news, is_unstaged, reading_rules

FOLDER = "staging"
MOST_ROWS = 250_000
"""Rows that are held in memory before they are written: a slice that several archives touch is
written once, and memory does not grow with the number of archives."""
Progress = Callable[[int, int, str], None]
_REFUSALS = (ArchiveError, FormatError, CalendarError, SchemaError)


def stage_inbox(
    inbox_folder: Path | str,
    lake: Lake,
    datasets: Sequence[DatasetConfig],
    limits: Limits | None = None,
    progress: Progress | None = None,
    others: Outside | None = None,
) -> StagingReport:
    """Bring an inbox's archives into the lake's raw tables.

    Bars go to ``raw_bars``, splits and dividends to ``corporate_actions``, series and news to
    ``raw_exogenous`` and ``raw_news``.

    Runs on one lake follow each other: a lock is held meanwhile.

    Args:
        inbox_folder: Where the archives lie, with or without a folder a dataset.
        lake: The lake; archives are unpacked below ``<lake>/staging``.
        datasets: The configured datasets.
        limits: What an archive may unfold to.
        progress: Told of each file before it is handled.
        others: The configured exogenous series and sources of news.

    Returns:
        What was read, what was there already, what is refused and which slices changed.

    Raises:
        ArchiveError: the inbox itself cannot be read.
        ConfigError: the datasets contradict themselves.
        LakeError: the lake cannot be written.
    """
    folder = inbox.resolve(inbox_folder)
    sources = load_sources(datasets)
    stager = _Stager(lake, sources, others or Outside(), limits or Limits(), progress)
    with under_lock(lake):
        stager.run(folder)
    return stager.report


def unstaged(
    found: Scan,
    lake: Lake,
    datasets: Sequence[DatasetConfig],
    limits: Limits | None = None,
    others: Outside | None = None,
) -> list[Delivery]:
    """Return the files that `stage_inbox` would read, by path, without reading or writing any.

    Files whose tickers other files may now give to somebody else do not count.

    Args:
        found: What lies in the inbox.
        lake: The lake.
        datasets: The configured datasets.
        limits: What an archive may unfold to.
        others: The configured exogenous series and sources of news.

    Raises:
        ConfigError: the datasets contradict themselves.
    """
    rules = reading_rules(load_sources(datasets), others or Outside(), limits or Limits())
    index = DeliveryIndex(lake.root / FOLDER)
    return [
        each for each in found.deliveries if is_unstaged(each, index.get(each.path), lake, rules)
    ]


def under_lock(lake: Lake) -> AbstractContextManager[None]:
    """Return the lock under which archives are staged."""
    return locked(lake.root / ".locks" / "staging.lock")


class _Stager:
    """One run over one inbox."""

    def __init__(
        self,
        lake: Lake,
        sources: list[Source],
        others: Outside,
        limits: Limits,
        progress: Progress | None,
    ) -> None:
        self.lake = lake
        self.progress = progress
        self.batch: list[tuple[Delivery, Pending]] = []
        # Files called after tickers wait until all that tells whose these were has been read.
        self.waiting: list[Delivery] = []
        self.others = others
        self.staging = lake.root / FOLDER
        self.ahead = UnpackingAhead(self.staging, limits)
        self.reader = DeliveryReader(lake, sources, others, self.ahead)
        self.quarantine = Quarantine(lake.root)
        self.report = StagingReport()
        self.rules = reading_rules(sources, others, limits)

    def run(self, folder: Path) -> None:
        """Handle everything that lies in ``folder``."""
        self._remove_leftovers()
        self.index = DeliveryIndex(self.staging)
        found = inbox.scan(folder)
        self.report.unfinished += found.unfinished
        self.report.ignored += found.ignored
        try:
            for relative, error in found.refused:
                self._refuse(relative, folder / relative, [], None, error)
            # In the order of delivery, so that of equal archives the first one dates the rows.
            ordered = sorted(found.deliveries, key=lambda each: (each.mtime_ns, each.relative))
            with self.ahead:
                for number, delivery in enumerate(ordered, start=1):
                    if self.progress is not None:
                        self.progress(number, len(ordered), delivery.relative)
                    for near in filter(self._is_news, ordered[number - 1 : number + 1]):
                        self.ahead.expect(near.path)
                    self._handle(delivery)
                self.reader.knows_tickers = True
                for delivery in self.waiting:
                    self._handle(delivery)
                self._commit()
            self._read_again()
            present = {delivery.path for delivery in found.deliveries}
            present |= {folder / relative for relative, _ in found.refused}
            for entry in self.index.remove_missing(folder, present):
                self._settle(entry)
        finally:
            self.index.save()

    def _read_again(self) -> None:
        """Read the staged files of series anew whose config now reads them otherwise."""
        for config in self.others.series:
            name = f"configs/exogenous/{config.name}.yaml"
            try:
                change = read_again(self.lake, self.staging, config)
            except _REFUSALS as error:
                self.report.quarantined.append(self.quarantine.add(name, None, error))
                continue
            self.report.changes += [change] if change else []
            self.quarantine.resolve(text_digest(name))

    def _remove_leftovers(self) -> None:
        """Remove what killed runs left; the lock says that no other run is at work."""
        for path in self.staging.glob(f"{TEMPORARY_PREFIX}*"):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def _is_news(self, delivery: Delivery) -> bool:
        """Return whether a file is new, changed, or to be read by other rules than last time."""
        return is_news(delivery, self.index.get(delivery.path), self.rules)

    def _handle(self, delivery: Delivery) -> None:
        entry = self.index.get(delivery.path)
        if entry is not None and entry.held and not self.reader.knows_tickers:
            self.waiting.append(delivery)
            return
        try:
            if entry is not None and self._repeat(delivery, entry):
                return
            intake = self.reader.read(delivery, self._commit_same)
        except _REFUSALS as error:
            if is_unfinished(delivery):
                self.report.unfinished.append(delivery.relative)
            else:
                sha256 = archives.sha256_of(delivery.path)
                self._refuse(delivery.relative, delivery.path, delivery.stamp, sha256, error)
            return
        if intake is Unread.LATER:
            self.waiting.append(delivery)
        elif intake is Unread.UNFINISHED:
            self.report.unfinished.append(delivery.relative)
        elif isinstance(intake, str):
            self.report.ignored.append(delivery.relative)
            self.index.put(
                delivery.path, IndexEntry(delivery.stamp, self.rules, intake, None, None, [])
            )
            self._settle(entry)
        elif isinstance(intake, Pending):
            self.batch.append((delivery, intake))
            if sum(pending.rows for _, pending in self.batch) > MOST_ROWS:
                self._commit()
        else:
            self._done(delivery, intake)

    def _commit(self) -> None:
        """Write what was read; until then it is held in memory."""
        if self.batch:
            batch, self.batch = self.batch, []
            intakes = commit(self.lake, [pending for _, pending in batch])
            for (delivery, _), intake in zip(batch, intakes, strict=True):
                self._done(delivery, intake)
            # Arrow keeps what it freed, a little more with each batch.
            pa.default_memory_pool().release_unused()

    def _commit_same(self, sha256: str) -> None:
        """Write what was read if the same bytes are among it, so that they are not read twice."""
        if any(pending.staged.sha256 == sha256 for _, pending in self.batch):
            self._commit()

    def _done(self, delivery: Delivery, intake: Intake) -> None:
        entry = self.index.get(delivery.path)
        self.report.changes += intake.changes
        target = self.report.accepted if intake.read else self.report.unchanged
        target.append(intake.delivery)
        self.index.put(
            delivery.path,
            IndexEntry(
                stamp=delivery.stamp,
                rules=self.rules,
                sha256=intake.delivery.sha256,
                dataset=intake.delivery.dataset,
                read_with=intake.delivery.rules,
                parts=list(intake.parts),
                held=written(intake.held),
            ),
        )
        self._settle(entry)

    def _repeat(self, delivery: Delivery, entry: IndexEntry) -> bool:
        """Report a file as last time if nothing about it changed; say whether that was so."""
        if self._is_news(delivery):
            return False
        if entry.quarantine is not None:
            record = self.quarantine.get(entry.quarantine)
            if record is None or record.resolved is not None:
                return False
            self.report.quarantined.append(record)
            return True
        if entry.sha256 is None:
            return False
        if entry.dataset is None or entry.read_with is None:
            self.report.ignored.append(delivery.relative)
            return True
        if not parts_exist(self.lake, entry.parts):
            return False
        if entry.held and not self.reader.still_held(delivery, entry):
            return False
        self.report.unchanged.append(
            StagedDelivery(delivery.relative, entry.sha256, entry.dataset, entry.read_with)
        )
        return True

    def _refuse(
        self, relative: str, path: Path, stamp: list[object], sha256: str | None, error: UserError
    ) -> None:
        entry = self.index.get(path)
        record = self.quarantine.add(relative, sha256, error)
        self.report.quarantined.append(record)
        rules = ANY_TIME if isinstance(error, ContestedTickerError) else self.rules
        self.index.put(
            path, IndexEntry(stamp, rules, sha256, None, None, [], quarantine=record.key)
        )
        self._settle(entry)

    def _settle(self, entry: IndexEntry | None) -> None:
        """Mark a former entry's quarantine record as settled, unless another file stands on it."""
        key = entry.quarantine if entry is not None else None
        if key is not None and not self.index.refers_to(key):
            self.quarantine.resolve(key)
