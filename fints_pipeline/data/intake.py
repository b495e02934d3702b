"""Staged archives into the lake's tables, remembered beside their staged members.

Reading and committing are two steps: what several archives say of one slice is written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date

import pyarrow as pa

from fints_pipeline.base.lake import Lake, TableKey
from fints_pipeline.data import action_files, ticker_files
from fints_pipeline.data.archives import StagedArchive
from fints_pipeline.data.delivery_index import part_key, parts_exist
from fints_pipeline.data.raw_bars import read_archive, read_tickers
from fints_pipeline.data.slices import RAW_BARS, RAW_SLICES, SliceChange, merge, split
from fints_pipeline.data.sources import Claim, Source
from fints_pipeline.data.staging_report import StagedDelivery
from fints_pipeline.data.taken import PENDING, Intake, Record, known, read_record, write_record
from fints_pipeline.data.tickers import Spell, TickerHistory
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS

_WRITERS = 4


@dataclass(frozen=True)
class Pending:
    """An archive of bars that was read and is not in the lake yet.

    Attributes:
        relative: The archive's path below the inbox.
        staged: The archive.
        source: Its dataset.
        slices: Its rows, by slice.
        actions: Its corporate actions.
        notes: What its reader has to tell.
        earlier: Partitions that an earlier reading put rows into.
        held: Whose the rows are that it names by ticker.
    """

    relative: str
    staged: StagedArchive
    source: Source
    slices: dict[TableKey, pa.Table]
    actions: pa.Table
    notes: tuple[str, ...]
    earlier: tuple[str, ...]
    held: tuple[Spell, ...] = ()

    @property
    def rows(self) -> int:
        """How many bars it holds."""
        return sum(rows.num_rows for rows in self.slices.values())

    @property
    def parts(self) -> tuple[str, ...]:
        """The partitions that will hold its rows, as lineage spells them."""
        instruments = sorted(set(self.actions.column("instrument").to_pylist()))
        keys = (*self.slices, *map(action_files.action_key, instruments))
        return tuple(str(key) for key in keys)

    @property
    def touched(self) -> dict[TableKey, pa.Table]:
        """Its rows by slice, none for slices that only an earlier reading had rows of."""
        empty = RAW_SLICES.arrow_schema.empty_table()
        before = (part_key(part) for part in self.earlier if part.startswith(f"{RAW_BARS}/"))
        return {**dict.fromkeys(before, empty), **self.slices}


def read_bars(
    lake: Lake, relative: str, staged: StagedArchive, claim: Claim, tickers: TickerHistory
) -> Intake | Pending:
    """Parse an archive of bars, unless the lake holds its rows.

    Args:
        lake: The lake.
        relative: The archive's path below the inbox.
        staged: The archive.
        claim: Its dataset and the members to read.
        tickers: Whose bars lie under which ticker in that dataset.

    Raises:
        ArchiveError: a member cannot be read.
    """
    source = claim.source
    record = read_record(staged, source.name)
    read_so = record.rules == source.fingerprint and parts_exist(lake, record.parts)
    if read_so and tickers.agrees(record.held):
        return known(relative, staged, source.name, record)
    reading = read_archive(staged, claim, relative.rpartition("/")[2], tickers)
    config = source.config
    parts = split(
        reading.rows, lambda name: config.calendar_of(config.symbol(name)), config.base_frequency
    )
    return Pending(
        relative=relative,
        staged=staged,
        source=source,
        slices=parts,
        actions=reading.actions,
        notes=reading.notes,
        earlier=tuple(record.parts),
        held=reading.held,
    )


def commit(lake: Lake, batch: Sequence[Pending]) -> list[Intake]:
    """Merge the rows and actions of archives into the lake; a slice is written once a dataset."""
    for each in batch:
        # Before the first slice is written, so that the rows of a killed run are found and
        # replaced.
        parts = sorted({*each.parts, *each.earlier})
        write_record(each.staged, each.source.name, Record(PENDING, parts))
    changes = _merge_slices(lake, batch)
    for each in batch:
        found, _ = action_files.merge_actions(
            lake, each.actions, each.staged.sha256, CORPORATE_ACTIONS
        )
        changes += found
    for each in batch:
        record = Record(each.source.fingerprint, list(each.parts), each.held)
        write_record(each.staged, each.source.name, record)
    done = [Intake(_delivery(each), each.parts, read=True, held=each.held) for each in batch]
    done[-1] = replace(done[-1], changes=tuple(changes))
    return done


def _merge_slices(lake: Lake, batch: Sequence[Pending]) -> list[SliceChange]:
    by_slice: dict[TableKey, dict[str, pa.Table]] = {}
    rules: dict[TableKey, str] = {}
    for each in batch:
        for key, rows in each.touched.items():
            by_slice.setdefault(key, {})[each.staged.sha256] = rows
            rules[key] = each.source.fingerprint
    # A slice is small, and most of its writing is waiting for the disk to confirm it.
    with ThreadPoolExecutor(_WRITERS) as writers:
        changes = writers.map(
            lambda key: merge(lake, key, by_slice[key], rules[key]), sorted(by_slice)
        )
        return [change for change in changes if change is not None]


def _delivery(done: Pending) -> StagedDelivery:
    names = {key["instrument"] for key in done.slices}
    names |= set(done.actions.column("instrument").to_pylist())
    return StagedDelivery(
        path=done.relative,
        sha256=done.staged.sha256,
        dataset=done.source.name,
        rules=done.source.fingerprint,
        instruments=tuple(sorted(names)),
        rows=done.rows,
        verified=done.staged.verified,
        notes=done.notes,
    )


def take_tickers(lake: Lake, relative: str, staged: StagedArchive, claim: Claim) -> Intake:
    """Parse the members that tell which tickers an instrument had, and merge what they say.

    Raises:
        ArchiveError: one cannot be read; no partition was touched.
    """
    source, archive = claim.source, relative.rpartition("/")[2]
    found = [read_tickers(staged, source, member, archive) for member in claim.tickers]
    merged = [
        ticker_files.merge_history(lake, name, spells, staged.sha256, staged.known_at)
        for name, spells in found
    ]
    done = StagedDelivery(
        path=relative,
        sha256=staged.sha256,
        dataset=source.name,
        rules=source.fingerprint,
        instruments=tuple(sorted(name for name, _ in found)),
        rows=sum(spells.num_rows for _, spells in found),
        verified=staged.verified,
    )
    parts = tuple(str(key) for key, _ in merged)
    return Intake(done, parts, read=any(changed for _, changed in merged))


def take_actions(
    lake: Lake, relative: str, staged: StagedArchive, dataset: str, tickers: TickerHistory | None
) -> Intake:
    """Parse a corporate-actions file and merge its rows.

    Args:
        lake: The lake.
        relative: The file's path below the inbox.
        staged: The file.
        dataset: Whose symbols it names.
        tickers: Who had which ticker in that dataset; None where symbols are never tickers.

    Raises:
        ArchiveError: it cannot be read; no partition was touched.
    """
    record = read_record(staged, dataset)
    read_so = record.rules == action_files.CODE_VERSION and parts_exist(lake, record.parts)
    if read_so and (tickers is None or tickers.owns(record.held)):
        return known(relative, staged, dataset, record)
    path, where = staged.path(staged.members[0]), relative.rpartition("/")[2]
    named = action_files.read_actions(path, where, dataset, staged.known_at)
    held = tuple(tickers.owners(_named(named))) if tickers is not None else ()
    actions = action_files.given_to(named, held)
    changes, keys = action_files.merge_actions(
        lake,
        actions,
        staged.sha256,
        CORPORATE_ACTIONS,
        withdrawn=action_files.given_to(named, record.held),
    )
    parts = [str(key) for key in keys]
    write_record(staged, dataset, Record(action_files.CODE_VERSION, parts, held))
    done = StagedDelivery(
        path=relative,
        sha256=staged.sha256,
        dataset=dataset,
        rules=action_files.CODE_VERSION,
        instruments=tuple(sorted(set(actions.column("instrument").to_pylist()))),
        rows=actions.num_rows,
        verified=staged.verified,
    )
    return Intake(done, tuple(parts), read=True, changes=tuple(changes), held=held)


def _named(actions: pa.Table) -> list[tuple[str, date]]:
    """Return the symbol and ex-date that each action names."""
    names = (name.partition(".")[2] for name in actions.column("instrument").to_pylist())
    return list(zip(names, actions.column("ex_date").to_pylist(), strict=True))
