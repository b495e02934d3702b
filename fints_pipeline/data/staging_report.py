"""What staging an inbox did: lists to act on, counts and Markdown to show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from fints_pipeline.base.digest import text_digest
from fints_pipeline.data.quarantine import QuarantineRecord
from fints_pipeline.data.slices import RAW_BARS, SliceChange

_MOST_ROWS = 50
_MOST_NAMES = 8


@dataclass(frozen=True)
class StagedDelivery:
    """One file that is in the lake.

    Attributes:
        path: Below the inbox.
        sha256: Of its bytes.
        dataset: Where it belongs.
        rules: Fingerprint of what it was read with.
        instruments: What it holds (only told when it was read now).
        rows: Rows (only told when it was read now).
        verified: Whether a checksum file vouched for it when it was read; None when not read now.
        notes: What was decided by value, and members that were passed over.
    """

    path: str
    sha256: str
    dataset: str
    rules: str
    instruments: tuple[str, ...] = ()
    rows: int = 0
    verified: bool | None = None
    notes: tuple[str, ...] = ()


@dataclass
class StagingReport:
    """The outcome of `stage_inbox`.

    Attributes:
        accepted: Files read and sliced now.
        unchanged: Files that were in the lake already, under this name or another.
        quarantined: Files that are refused, new refusals and standing ones.
        unfinished: Files that are still being written.
        ignored: Files that are no archive of a known kind, and known ones that hold no bars.
        changes: Partitions whose content changed.
    """

    accepted: list[StagedDelivery] = field(default_factory=list)
    unchanged: list[StagedDelivery] = field(default_factory=list)
    quarantined: list[QuarantineRecord] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    ignored: list[str] = field(default_factory=list)
    changes: list[SliceChange] = field(default_factory=list)

    @property
    def slices(self) -> dict[tuple[str, str], str]:
        """The new digest of every slice of raw bars that changed, by instrument and month."""
        return {
            (each.instrument, each.month): each.after
            for each in self.changes
            if each.table == RAW_BARS
        }

    @property
    def counts(self) -> dict[str, int]:
        """How many files, rows and slices there are of each kind."""
        return {
            "accepted": len(self.accepted),
            "unchanged": len(self.unchanged),
            "quarantined": len(self.quarantined),
            "unfinished": len(self.unfinished),
            "ignored": len(self.ignored),
            "rows_read": sum(each.rows for each in self.accepted),
            "partitions_changed": len(self.changes),
        }

    @property
    def digest(self) -> str:
        """Changes when the set of staged contents does, not with the order or names of files."""
        staged = {
            f"{each.dataset}/{each.sha256}/{each.rules}"
            for each in (*self.accepted, *self.unchanged)
        }
        return text_digest(*sorted(staged))

    def as_markdown(self) -> str:
        """Return counts, refusals with reasons, and what was read, as Markdown."""
        counts = " · ".join(f"{name.replace('_', ' ')} {n}" for name, n in self.counts.items())
        refused = _table(
            ("quarantined", "reason", "evidence", "fix"),
            [(each.path, each.reason, each.evidence, each.fix) for each in self.quarantined],
        )
        accepted = _table(
            ("accepted", "dataset", "instruments", "rows", "checksum", "notes"),
            [
                (
                    each.path,
                    each.dataset,
                    _some(each.instruments, ", "),
                    each.rows,
                    "verified" if each.verified else "none",
                    _some(each.notes, "; "),
                )
                for each in self.accepted
            ],
        )
        touched = _table(
            ("changed", "instrument", "month", "rows"),
            [(each.table, each.instrument, each.month, each.rows) for each in self.changes],
        )
        passed = _table(
            ("left alone", "why"),
            [(path, "still being written") for path in self.unfinished]
            + [(path, "not a file of bars") for path in self.ignored],
        )
        return "\n\n".join(part for part in (counts, refused, accepted, touched, passed) if part)


def _table(header: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    if not rows:
        return ""
    lines = [_line(header), "|" + "---|" * len(header)]
    lines += [_line(row) for row in rows[:_MOST_ROWS]]
    if len(rows) > _MOST_ROWS:
        lines.append(_line((f"… and {len(rows) - _MOST_ROWS} more", *[""] * (len(header) - 1))))
    return "\n".join(lines)


def _some(names: Sequence[str], separator: str) -> str:
    """Return the first names of what may be thousands."""
    more = [f"… and {len(names) - _MOST_NAMES} more"] * (len(names) > _MOST_NAMES)
    return separator.join([*names[:_MOST_NAMES], *more])


def _line(cells: tuple[object, ...]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(value: object) -> str:
    """Escape what would break the table or pass for markup: names come from strangers."""
    text = " ".join(str("" if value is None else value).split())
    for char in "\\|`<>[]*":
        text = text.replace(char, "\\" + char)
    return text
