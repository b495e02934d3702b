"""What was refused and why: one JSON file a refused archive; the archive stays in the inbox."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from fints_pipeline.base.digest import text_digest
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.lake.atomic import write_text

FOLDER = "quarantine"


@dataclass(frozen=True)
class QuarantineRecord:
    """One refusal.

    Attributes:
        key: SHA-256 of the file, or a digest of its path where it could not be read.
        path: Where it lies below the inbox.
        kind: Name of the error's class.
        reason: What is wrong, one sentence.
        evidence: Where it is wrong: member, row, column, or what each format made of it.
        fix: What to do about it.
        time: When it was refused first, ISO 8601, UTC.
        resolved: When the path was found mended, replaced or gone; None while it stands.
    """

    key: str
    path: str
    kind: str
    reason: str
    evidence: str | None
    fix: str | None
    time: str
    resolved: str | None = None


class Quarantine:
    """The records of one lake, below ``<lake>/quarantine``."""

    def __init__(self, lake_root: Path) -> None:
        self.folder = lake_root / FOLDER

    def add(self, relative: str, sha256: str | None, error: UserError) -> QuarantineRecord:
        """Write a record; one that stands already keeps its time."""
        key = sha256 or text_digest(relative)
        before = self.get(key)
        standing = before is not None and before.resolved is None
        record = QuarantineRecord(
            key=key,
            path=relative,
            kind=type(error).__name__,
            reason=error.what,
            evidence=error.where,
            fix=error.fix,
            time=before.time if before is not None and standing else _now(),
        )
        if record != before:
            self._write(record)
        return record

    def get(self, key: str) -> QuarantineRecord | None:
        """Return a record, or None where there is none (or none that can be read)."""
        try:
            content = json.loads(self._path(key).read_text(encoding="utf-8"))
            return QuarantineRecord(**content)
        except (OSError, ValueError, TypeError):
            return None

    def resolve(self, key: str) -> None:
        """Mark a record as settled."""
        record = self.get(key)
        if record is not None and record.resolved is None:
            self._write(replace(record, resolved=_now()))

    def standing(self) -> list[QuarantineRecord]:
        """Return the records that are not settled, by path."""
        records = (self.get(path.stem) for path in self.folder.glob("*.json"))
        found = [record for record in records if record is not None and record.resolved is None]
        return sorted(found, key=lambda record: (record.path, record.key))

    def _path(self, key: str) -> Path:
        return self.folder / f"{key}.json"

    def _write(self, record: QuarantineRecord) -> None:
        write_text(self._path(record.key), json.dumps(asdict(record), indent=1))


def _now() -> str:
    return datetime.now(tz=UTC).isoformat(timespec="seconds")
