"""What became of a staged archive, and the note of it that lies beside its staged members."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from fints_pipeline.base.lake.atomic import write_text
from fints_pipeline.data.archives import StagedArchive
from fints_pipeline.data.slices import SliceChange
from fints_pipeline.data.staging_report import StagedDelivery
from fints_pipeline.data.tickers import Spell, from_written, written

PENDING = "pending"
"""Stands for the rules of an archive whose rows are not in the lake, or not all of them."""


@dataclass(frozen=True)
class Intake:
    """What became of one archive.

    Attributes:
        delivery: What to report of it.
        parts: The partitions that hold its rows, as lineage spells them.
        read: Whether it was read now; otherwise its rows were in the lake already.
        changes: Partitions whose content changed (told of the last one of a batch).
        held: Whose the rows are that the archive names by ticker.
    """

    delivery: StagedDelivery
    parts: tuple[str, ...]
    read: bool
    changes: tuple[SliceChange, ...] = ()
    held: tuple[Spell, ...] = ()


@dataclass(frozen=True)
class Record:
    """With what rules an archive was read, which partitions hold its rows, and whose they are."""

    rules: str
    parts: list[str]
    held: tuple[Spell, ...] = ()


def known(relative: str, staged: StagedArchive, owner: str, record: Record) -> Intake:
    """Return the intake of an archive whose rows are in the lake already."""
    delivery = StagedDelivery(relative, staged.sha256, owner, record.rules)
    return Intake(delivery, tuple(record.parts), read=False, held=record.held)


def read_record(staged: StagedArchive, owner: str) -> Record:
    """Return what is noted of an archive for a data set, series or source of news."""
    try:
        content = json.loads(_path(staged, owner).read_text(encoding="utf-8"))
        held = from_written(content.get("held", ()))
        return Record(str(content["rules"]), [str(part) for part in content["parts"]], held)
    except (OSError, ValueError, TypeError, KeyError):
        return Record(PENDING, [])


def write_record(staged: StagedArchive, owner: str, record: Record) -> None:
    """Note what became of an archive."""
    content = {**record.__dict__, "held": written(record.held)}
    write_text(_path(staged, owner), json.dumps(content, indent=1))


def _path(staged: StagedArchive, owner: str) -> Path:
    return staged.folder / f"taken-{owner}.json"
