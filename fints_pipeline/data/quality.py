"""What cleaning did to one month of one instrument, rule by rule."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

EXAMPLES = 3


@dataclass(frozen=True)
class RuleCount:
    """How often one rule applied.

    Attributes:
        rule: The rule's name.
        rows: How many raw rows it applied to.
        rejected: True if those rows were left out, False if they were kept.
        examples: The first few of those rows, in words.
        flag: The bars' column that marks them, where one does.
    """

    rule: str
    rows: int
    rejected: bool
    examples: tuple[str, ...] = ()
    flag: str | None = None

    @property
    def effect(self) -> str:
        """What became of the rows."""
        return "rejected" if self.rejected else "flagged" if self.flag else "noted"


@dataclass(frozen=True)
class QualityReport:
    """The account of every raw row, and of the bars that are there without one.

    Attributes:
        instrument: ``dataset.SYMBOL``.
        month: Month of the session dates.
        rows_in: Raw rows that came in, every delivery counted.
        rows_out: Bars of the base frequency that went out, filled ones included.
        filled: Bars that carry the last price forward because no row was delivered.
        holes: Bars that the schedule expects and that are missing, in sessions with any bar.
        longest_gap: Longest run of expected bars without a row, after a session's first.
        sessions: Sessions with at least one bar.
        partial_sessions: Dates of the sessions that have holes.
        empty_sessions: Dates of the scheduled sessions, over by now, that have no bar at all.
        rules: Every rule with its count, zeros included.
        halts: Stretches of ``halt_minutes`` or more in which nothing traded, inside the regular
            hours of sessions that traded.
        halted_minutes: How long they were, together.
        longest_halts: The longest of them, in words.
        unrecorded_splits: Overnight jumps that look like a split nobody recorded, in words.
        unshown_splits: Recorded splits that the prices do not show, in words.
    """

    instrument: str
    month: str
    rows_in: int
    rows_out: int
    filled: int
    holes: int
    longest_gap: int
    sessions: int
    partial_sessions: tuple[str, ...]
    empty_sessions: tuple[str, ...]
    rules: tuple[RuleCount, ...]
    halts: int = 0
    halted_minutes: int = 0
    longest_halts: tuple[str, ...] = ()
    unrecorded_splits: tuple[str, ...] = ()
    unshown_splits: tuple[str, ...] = ()

    @property
    def rejected(self) -> int:
        """Raw rows that some rule left out."""
        return sum(rule.rows for rule in self.rules if rule.rejected)

    def conserves(self) -> bool:
        """Return whether every raw row is either a bar or in a rule's count."""
        return self.rows_in == self.rows_out - self.filled + self.rejected

    def count(self, rule: str) -> int:
        """Return how many rows ``rule`` applied to.

        Raises:
            KeyError: there is no such rule.
        """
        return {entry.rule: entry.rows for entry in self.rules}[rule]

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, ready for JSON."""
        return {**asdict(self), "rejected": self.rejected, "conserves": self.conserves()}

    def to_markdown(self) -> str:
        """Return the report as a table for people; rules that never applied are left out."""
        figures = {
            "rows in": self.rows_in,
            "rows rejected": self.rejected,
            "bars filled": self.filled,
            "bars out": self.rows_out,
            "holes": self.holes,
            "longest gap": self.longest_gap,
            "sessions": self.sessions,
            "partial sessions": len(self.partial_sessions),
            "empty sessions": len(self.empty_sessions),
        }
        findings = {
            "halts": (self.halts, self.longest_halts),
            "unrecorded splits": (len(self.unrecorded_splits), self.unrecorded_splits),
            "splits that prices do not show": (len(self.unshown_splits), self.unshown_splits),
        }
        lines = ["| figure or rule | count | examples |", "|---|---:|---|"]
        lines += [f"| {name} | {value} | |" for name, value in figures.items()]
        lines += [
            f"| {name} | {count} | {'; '.join(words[:EXAMPLES])} |"
            for name, (count, words) in findings.items()
            if count
        ]
        for rule in self.rules:
            if rule.rows:
                examples = "; ".join(rule.examples)
                lines.append(f"| {rule.rule} ({rule.effect}) | {rule.rows} | {examples} |")
        return "\n".join(lines)
