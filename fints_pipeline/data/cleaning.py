"""Raw rows, every delivery of them, into one row a bar, with an account of the rest."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.data import rules
from fints_pipeline.data.calendars import Stamps, naive_utc
from fints_pipeline.data.quality import EXAMPLES, RuleCount
from fints_pipeline.data.rules import Mask, Schedule, mask, values
from fints_pipeline.data.versions import Versions, by_delivery, winners


@dataclass(frozen=True, eq=False)
class CleanRows:
    """What cleaning kept, and why the rest is gone.

    Attributes:
        rows: One row a bar, ascending ``open_time``; stamps are naive UTC, ``segment`` is the
            index into the schedule's segments.
        placed: The month's raw rows, kept or not: ``open_time``, ``close_time``, ``segment``,
            ``known_at``.
        rules: Every rule's count.
    """

    rows: pd.DataFrame
    placed: pd.DataFrame
    rules: tuple[RuleCount, ...]


def clean(
    raw: pd.DataFrame,
    schedule: Schedule,
    has_volume: bool,
    versions: Versions = "first_known",
    as_of: np.datetime64 | None = None,
) -> CleanRows:
    """Keep what is a valid bar of the schedule, in the version that counts.

    Args:
        raw: Rows in the columns of raw_bars, in any order; left unchanged.
        schedule: The month's grid.
        has_volume: False makes volume null, whatever the rows say.
        versions: Which delivery counts; see `versions.winners`.
        as_of: Naive UTC; leaves out what closed later, and overrules ``versions``.
    """
    rows = _place(raw, schedule)
    counts = [count_rule("unsorted", rows, rules.unsorted(rows))]
    placed = rows.loc[values(rows, "in_month"), ["open_time", "close_time", "segment", "known_at"]]
    if as_of is not None:
        early = mask(values(rows, "close_time") <= as_of)
        counts.append(count_rule("after_as_of", rows, ~early, rejected=True))
        rows, placed = rows[early], placed[placed["close_time"] <= as_of]

    kept, rejects = _reject(rows, schedule)
    rows, duplicates = _one_version(kept, versions, as_of)
    counts += rejects + duplicates
    if has_volume:
        counts += [
            count_rule("null_volume", rows, rules.null_volume(rows)),
            count_rule("zero_volume", rows, rules.zero_volume(rows)),
        ]
    else:
        rows["volume"] = np.nan
    extended = rules.extended_hours(rows, schedule.segments)
    counts.append(count_rule("extended_hours", rows, extended, flag="is_extended"))
    return CleanRows(rows, placed, tuple(counts))


def _place(raw: pd.DataFrame, schedule: Schedule) -> pd.DataFrame:
    rows = raw.reset_index(drop=True)
    for name in ("open_time", "close_time", "known_at"):
        rows[name] = naive_utc(rows[name])
    stamps = values(rows, "open_time")
    day = schedule.calendar.trading_day(stamps)
    rows["in_month"] = day.astype("datetime64[M]") == np.datetime64(schedule.month, "M")
    if schedule.is_daily:
        return _place_days(rows, day, schedule)
    rows["segment"] = schedule.segments.locate(stamps)
    return rows


def _place_days(rows: pd.DataFrame, day: Stamps, schedule: Schedule) -> pd.DataFrame:
    """Give each daily row the hours of its session, whichever stamp of that day it carries."""
    segments = schedule.segments
    session = segments.session.astype("datetime64[D]")
    at = np.searchsorted(session, day)
    found = at < len(session)
    found[found] = session[at[found]] == day[found]
    rows["segment"] = np.where(found, at, -1)
    for name, hours in (("open_time", segments.start), ("close_time", segments.end)):
        stamps = values(rows, name).copy()
        stamps[found] = hours[at[found]]
        rows[name] = stamps
    return rows


def _reject(rows: pd.DataFrame, schedule: Schedule) -> tuple[pd.DataFrame, list[RuleCount]]:
    kept = np.ones(len(rows), dtype=np.bool_)
    counts = []
    for rule in rules.REJECTING:
        hit = rule(rows, schedule) & kept
        counts.append(count_rule(rule.__name__, rows, hit, rejected=True))
        kept &= ~hit
    return rows if kept.all() else rows[kept], counts


def _one_version(
    rows: pd.DataFrame, versions: Versions, as_of: np.datetime64 | None
) -> tuple[pd.DataFrame, list[RuleCount]]:
    stamps = values(rows, "open_time")
    if (stamps[1:] > stamps[:-1]).all():  # one row a stamp and in order, as most files have it
        none = [RuleCount(name, 0, True) for name in ("exact_duplicate", "conflicting_duplicate")]
        return rows.reset_index(drop=True), none
    rows = by_delivery(rows)
    winner_of = winners(rows, versions, as_of)
    lost = mask(winner_of != np.arange(len(rows)))
    exact = rules.exact_duplicate(rows, winner_of)
    counts = [
        count_rule("exact_duplicate", rows, exact, rejected=True),
        count_rule("conflicting_duplicate", rows, lost & ~exact, rejected=True),
    ]
    return rows[~lost].reset_index(drop=True), counts


def count_rule(
    rule: str, rows: pd.DataFrame, hit: Mask, *, rejected: bool = False, flag: str | None = None
) -> RuleCount:
    """Return how often a rule applied, with the first rows that it applied to in words."""
    if not hit.any():
        return RuleCount(rule, 0, rejected, flag=flag)
    first = rows.iloc[np.flatnonzero(hit)[:EXAMPLES]]
    examples = tuple(_describe(row) for row in first.to_dict("records"))
    return RuleCount(rule, int(hit.sum()), rejected, examples, flag)


def _describe(row: Mapping[Hashable, Any]) -> str:
    prices = " ".join(f"{name[0].upper()} {row[name]:g}" for name in rules.VALUES)
    archive = str(row["archive"])[:12]
    return f"{row['open_time']}Z, row {row['source_row']} of {archive}: {prices}"
