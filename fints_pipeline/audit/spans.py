"""Whether folds are cut so that no span shares a day with another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np

from fints_pipeline.audit.findings import Finding
from fints_pipeline.walkforward.folds import Fold


def audit_spans(folds: Mapping[str, Sequence[Fold]]) -> list[Finding]:
    """Check that no session is in two spans of a fold, and that none is tested by two in a row.

    Args:
        folds: of each experiment, by its name, in time order.
    """
    findings = []
    for name, own in folds.items():
        for fold in own:
            apart = _apart(fold)
            seen = "no day is in two of its spans" if apart else "a day is in two of its spans"
            findings.append(Finding("disjoint", f"{name} {fold.key}", apart, seen))
        for before, after in pairwise(own):
            if "+" in before.key:
                continue  # combinatorial splits test each group several times
            follows = before.test.last < after.test.first
            what = "follow each other" if follows else "overlap"
            seen = f"the test spans from {before.test.first} and {after.test.first} {what}"
            findings.append(Finding("disjoint", name, follows, seen))
    return findings


def _apart(fold: Fold) -> bool:
    """Whether no day belongs to two spans of a fold."""
    first, last = (np.datetime64(day, "D") for day in (fold.extent.first, fold.extent.last))
    days = np.arange(first, last + np.timedelta64(1, "D"))
    covers = np.stack([span.mask(days) for span in fold.spans.values()])
    return bool(covers.sum(axis=0).max() <= 1)
