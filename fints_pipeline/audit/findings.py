"""What a check found, and what is done about it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any

from fints_pipeline.base.errors import LookAheadError

SHOWN = 5


@dataclass(frozen=True)
class Finding:
    """One check of one thing.

    Attributes:
        check: its name: "spans", "inputs", "samples", "scaler", "vocabulary", "pretraining",
            "features"; of a fold's cut: "disjoint", "purge".
        where: what was looked at.
        passed: whether it is clean.
        seen: what was seen, in words.
        checked: how many things it stands for.
    """

    check: str
    where: str
    passed: bool
    seen: str
    checked: int = 1


def refuse(findings: Iterable[Finding], what: str) -> None:
    """Refuse to go on with a leak.

    Args:
        findings: of any checks.
        what: that is refused, in words.

    Raises:
        LookAheadError: a finding is not clean; all of them are named.
    """
    leaks = [one for one in findings if not one.passed]
    if leaks:
        named = [f"{one.check}, {one.where}: {one.seen}" for one in leaks[:SHOWN]]
        more = f" (and {len(leaks) - SHOWN} more)" if len(leaks) > SHOWN else ""
        raise LookAheadError(
            f"{what} would use what it must not know: {'; '.join(named)}{more}",
            where=leaks[0].where,
            fix="make again what is named, from the fold's own spans",
        )


def condensed(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Findings as rows for a report: the clean ones of a check as one, the others each."""
    rows = []
    ordered = sorted(findings, key=lambda one: (one.check, not one.passed))
    for check, own in groupby(ordered, key=lambda one: one.check):
        each = list(own)
        clean = [one for one in each if one.passed]
        if clean:
            count = sum(one.checked for one in clean)
            where = clean[0].where if len(clean) == 1 else f"{clean[0].where} … {clean[-1].where}"
            rows.append(Finding(check, where, True, clean[0].seen, count))
        rows += [one for one in each if not one.passed]
    return [asdict(row) for row in rows]
