"""One staged archive into the lake's tables, remembered beside its staged members."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.lake.atomic import write_text
from fints_pipeline.data import action_files
from fints_pipeline.data.archives import StagedArchive
from fints_pipeline.data.calendars import calendar_for
from fints_pipeline.data.delivery_index import parts_exist
from fints_pipeline.data.raw_bars import read_archive
from fints_pipeline.data.slices import SliceChange, by_month, merge, slice_key
from fints_pipeline.data.sources import Claim
from fints_pipeline.data.staging_report import StagedDelivery
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS
from fints_pipeline.schemas.raw_bars import RAW_BARS

_PENDING = "pending"


@dataclass(frozen=True)
class Intake:
    """What became of one archive.

    Attributes:
        delivery: What to report of it.
        parts: The partitions that hold its rows, as lineage spells them.
        read: Whether it was read now; otherwise its rows were in the lake already.
        changes: Partitions whose content changed.
    """

    delivery: StagedDelivery
    parts: tuple[str, ...]
    read: bool
    changes: tuple[SliceChange, ...] = ()


@dataclass(frozen=True)
class _Record:
    """With what rules an archive was read, and which partitions hold its rows."""

    rules: str
    parts: list[str]


def take_bars(lake: Lake, relative: str, staged: StagedArchive, claim: Claim) -> Intake:
    """Parse an archive of bars and merge its rows into their slices.

    Args:
        lake: The lake.
        relative: The archive's path below the inbox.
        staged: The archive.
        claim: Its dataset and the members to read.

    Raises:
        ArchiveError: a member cannot be read; no slice was touched.
    """
    source = claim.source
    record = _read_record(staged, source.name)
    if record.rules == source.fingerprint and parts_exist(lake, record.parts):
        return _known(relative, staged, source.name, record)
    archive = relative.rpartition("/")[2]
    tables, notes = read_archive(staged, claim, archive, RAW_BARS.arrow_schema)
    calendar = calendar_for(source.config.calendar)
    months = {name: by_month(rows, calendar) for name, rows in tables.items()}
    parts = [str(slice_key(name, month)) for name in months for month in months[name]]
    # Before the first slice is written, so that the rows of a killed run are found and replaced.
    _write_record(staged, source.name, _Record(_PENDING, sorted({*parts, *record.parts})))
    changes = [
        change
        for name in sorted({*months, *_months_by_instrument(record)})
        for change in merge(
            lake,
            name,
            staged.sha256,
            months.get(name, {}),
            _months_by_instrument(record).get(name, ()),
            RAW_BARS,
            source.fingerprint,
        )
    ]
    _write_record(staged, source.name, _Record(source.fingerprint, parts))
    done = StagedDelivery(
        path=relative,
        sha256=staged.sha256,
        dataset=source.name,
        rules=source.fingerprint,
        instruments=tuple(sorted(tables)),
        rows=sum(rows.num_rows for rows in tables.values()),
        verified=staged.verified,
        notes=notes,
    )
    return Intake(done, tuple(parts), read=True, changes=tuple(changes))


def take_actions(lake: Lake, relative: str, staged: StagedArchive, dataset: str) -> Intake:
    """Parse a corporate-actions file and merge its rows.

    Raises:
        ArchiveError: it cannot be read; no partition was touched.
    """
    record = _read_record(staged, dataset)
    if record.rules == action_files.CODE_VERSION and parts_exist(lake, record.parts):
        return _known(relative, staged, dataset, record)
    path, where = staged.path(staged.members[0]), relative.rpartition("/")[2]
    actions = action_files.read_actions(path, where, dataset, staged.known_at)
    changes, keys = action_files.merge_actions(lake, actions, staged.sha256, CORPORATE_ACTIONS)
    parts = [str(key) for key in keys]
    _write_record(staged, dataset, _Record(action_files.CODE_VERSION, parts))
    done = StagedDelivery(
        path=relative,
        sha256=staged.sha256,
        dataset=dataset,
        rules=action_files.CODE_VERSION,
        instruments=tuple(sorted(set(actions.column("instrument").to_pylist()))),
        rows=actions.num_rows,
        verified=staged.verified,
    )
    return Intake(done, tuple(parts), read=True, changes=tuple(changes))


def _known(relative: str, staged: StagedArchive, dataset: str, record: _Record) -> Intake:
    known = StagedDelivery(relative, staged.sha256, dataset, record.rules)
    return Intake(known, tuple(record.parts), read=False)


def _months_by_instrument(record: _Record) -> dict[str, list[str]]:
    months: dict[str, list[str]] = {}
    for part in record.parts:
        _, _, instrument, month = part.split("/")
        months.setdefault(instrument, []).append(month)
    return months


def _record_path(staged: StagedArchive, dataset: str) -> Path:
    return staged.folder / f"taken-{dataset}.json"


def _read_record(staged: StagedArchive, dataset: str) -> _Record:
    try:
        content = json.loads(_record_path(staged, dataset).read_text(encoding="utf-8"))
        return _Record(str(content["rules"]), [str(part) for part in content["parts"]])
    except (OSError, ValueError, TypeError, KeyError):
        return _Record(_PENDING, [])


def _write_record(staged: StagedArchive, dataset: str, record: _Record) -> None:
    write_text(_record_path(staged, dataset), json.dumps(record.__dict__, indent=1))
