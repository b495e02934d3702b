"""Raw rows, every delivery of them, into one row a bar, with an account of the rest."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.data import rules
from fints_pipeline.data.calendars import naive_utc
from fints_pipeline.data.quality import EXAMPLES, RuleCount
from fints_pipeline.data.rules import Mask, Schedule, values


@dataclass(frozen=True, eq=False)
class CleanRows:
    """What cleaning kept, and why the rest is gone.

    Attributes:
        rows: One row a bar, ascending ``open_time``; stamps are naive UTC, ``segment`` is the
            index into the schedule's segments.
        placed: The month's raw rows, kept or not: ``open_time``, ``segment``, ``known_at``.
        rules: Every rule's count.
    """

    rows: pd.DataFrame
    placed: pd.DataFrame
    rules: tuple[RuleCount, ...]


def clean(raw: pd.DataFrame, schedule: Schedule, has_volume: bool) -> CleanRows:
    """Keep what is a valid bar of the schedule, as it was delivered last.

    Args:
        raw: Rows in the columns of raw_bars, in any order; left unchanged.
        schedule: The month's grid.
        has_volume: False makes volume null, whatever the rows say.
    """
    rows = _place(raw, schedule)
    counts = [_count("unsorted", rows, rules.unsorted(rows), rejected=False)]
    in_month = values(rows, "in_month")
    placed = rows.loc[in_month, ["open_time", "segment", "known_at"]]

    kept, rejects = _reject(rows, schedule)
    rows, duplicates = _last_delivery(kept)
    counts += rejects + duplicates
    if has_volume:
        counts += [
            _count("null_volume", rows, rules.null_volume(rows), rejected=False),
            _count("zero_volume", rows, rules.zero_volume(rows), rejected=False),
        ]
    else:
        rows["volume"] = np.nan
    return CleanRows(rows, placed, tuple(counts))


def _place(raw: pd.DataFrame, schedule: Schedule) -> pd.DataFrame:
    rows = raw.reset_index(drop=True)
    for name in ("open_time", "close_time", "known_at"):
        rows[name] = naive_utc(rows[name])
    stamps = values(rows, "open_time")
    day = schedule.calendar.trading_day(stamps)
    rows["in_month"] = day.astype("datetime64[M]") == np.datetime64(schedule.month, "M")
    rows["segment"] = schedule.segments.locate(stamps)
    return rows


def _reject(rows: pd.DataFrame, schedule: Schedule) -> tuple[pd.DataFrame, list[RuleCount]]:
    kept = np.ones(len(rows), dtype=np.bool_)
    counts = []
    for rule in rules.REJECTING:
        hit = rule(rows, schedule) & kept
        counts.append(_count(rule.__name__, rows, hit, rejected=True))
        kept &= ~hit
    return rows[kept], counts


def _last_delivery(rows: pd.DataFrame) -> tuple[pd.DataFrame, list[RuleCount]]:
    """Keep the last row of each stamp by (known_at, archive, source_row)."""
    archive, _ = pd.factorize(rows["archive"], sort=True)
    keys = (values(rows, "source_row"), archive, values(rows, "known_at"))
    rows = rows.iloc[np.lexsort((*keys, values(rows, "open_time")))]
    lost = rules.superseded(rows)
    exact = rules.exact_duplicate(rows, lost)
    counts = [
        _count("exact_duplicate", rows, exact, rejected=True),
        _count("conflicting_duplicate", rows, lost & ~exact, rejected=True),
    ]
    return rows[~lost].reset_index(drop=True), counts


def _count(rule: str, rows: pd.DataFrame, hit: Mask, *, rejected: bool) -> RuleCount:
    first = rows.iloc[np.flatnonzero(hit)[:EXAMPLES]]
    examples = tuple(_describe(row) for row in first.to_dict("records"))
    return RuleCount(rule, int(hit.sum()), rejected, examples)


def _describe(row: Mapping[Hashable, Any]) -> str:
    prices = " ".join(f"{name[0].upper()} {row[name]:g}" for name in rules.VALUES)
    archive = str(row["archive"])[:12]
    return f"{row['open_time']}Z, row {row['source_row']} of {archive}: {prices}"
