"""What staging found of each file last time, so that an unchanged inbox costs one stat a file.

A cache: losing it costs reading the archives once more, never correctness.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fints_pipeline.base.lake import Lake, TableKey, series_key
from fints_pipeline.base.lake.atomic import write_text

FILE_NAME = "index.json"


@dataclass(frozen=True)
class IndexEntry:
    """The outcome of one file.

    Attributes:
        stamp: `Delivery.stamp` at that time.
        rules: Fingerprint of what it was read with: datasets, formats' versions, limits.
        sha256: Of its bytes; None where they could not be read.
        dataset: Where it belongs; None for a refused file, and for one that holds no bars.
        read_with: Fingerprint of its own dataset's reading, None where ``dataset`` is.
        parts: The partitions that it put rows into, as lineage spells them.
        quarantine: Key of its quarantine record, None for a staged file.
        held: Whose the rows are that it names by ticker: ticker, first day, last day, symbol.
    """

    stamp: list[object]
    rules: str
    sha256: str | None
    dataset: str | None
    read_with: str | None
    parts: list[str]
    quarantine: str | None = None
    held: list[list[str]] = field(default_factory=list)


class DeliveryIndex:
    """Entries by absolute path, kept in ``<staging>/index.json``."""

    def __init__(self, staging: Path) -> None:
        self.path = staging / FILE_NAME
        self._entries = self._load()
        self._loaded = dict(self._entries)

    def get(self, path: Path) -> IndexEntry | None:
        """Return a file's entry, or None."""
        return self._entries.get(_name(path))

    def put(self, path: Path, entry: IndexEntry) -> None:
        """Set a file's entry."""
        self._entries[_name(path)] = entry

    def refers_to(self, quarantine: str) -> bool:
        """Return whether any file stands on a quarantine record."""
        return any(entry.quarantine == quarantine for entry in self._entries.values())

    def remove_missing(self, inbox: Path, present: set[Path]) -> list[IndexEntry]:
        """Drop and return the entries of files below ``inbox`` that are no longer there."""
        below = _name(inbox) + "/"
        names = {_name(path) for path in present}
        gone = [name for name in self._entries if name.startswith(below) and name not in names]
        return [self._entries.pop(name) for name in gone]

    def save(self) -> None:
        """Write the index if it changed."""
        if self._entries != self._loaded:
            content = {name: asdict(entry) for name, entry in sorted(self._entries.items())}
            write_text(self.path, json.dumps(content, indent=0))
            self._loaded = dict(self._entries)

    def _load(self) -> dict[str, IndexEntry]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return {name: IndexEntry(**entry) for name, entry in content.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            return {}


def parts_exist(lake: Lake, parts: list[str]) -> bool:
    """Return whether every partition that an entry names is in the lake."""
    return all(lake.exists(part_key(part)) for part in parts)


def part_key(part: str) -> TableKey:
    """Return the key that lineage spells ``part``."""
    table, freq, instrument, month = part.split("/")
    return series_key(table, freq, instrument, month)


def _name(path: Path) -> str:
    return (
        str(path.absolute()).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    )
