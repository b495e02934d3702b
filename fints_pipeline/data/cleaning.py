"""Raw rows, every delivery of them, into one row a bar, with an account of the rest."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fints_pipeline.data import rules
from fints_pipeline.data.calendars import Stamps
from fints_pipeline.data.quality import EXAMPLES, RuleCount
from fints_pipeline.data.rows import VALUES, Mask, Rows
from fints_pipeline.data.rules import Schedule, mask
from fints_pipeline.data.versions import Versions, by_delivery, winners


@dataclass(frozen=True, eq=False)
class CleanRows:
    """What cleaning kept, and why the rest is gone.

    Attributes:
        rows: One row a bar, ascending ``open_time``; ``segment`` is the index into the schedule's
            segments.
        placed: The month's raw rows, kept or not.
        rules: Every rule's count.
    """

    rows: Rows
    placed: Rows
    rules: tuple[RuleCount, ...]


def clean(
    raw: Rows,
    schedule: Schedule,
    has_volume: bool,
    versions: Versions = "first_known",
    as_of: np.datetime64 | None = None,
) -> CleanRows:
    """Keep what is a valid bar of the schedule, in the version that counts.

    Args:
        raw: `rows.RAW_COLUMNS`, in any order.
        schedule: The month's grid.
        has_volume: False makes volume null, whatever the rows say.
        versions: Which delivery counts; see `versions.winners`.
        as_of: Naive UTC; leaves out what closed later, and overrules ``versions``.
    """
    rows = _place(raw, schedule)
    counts = [count_rule("unsorted", rows, rules.unsorted(rows))]
    placed = rows.kept(rows["in_month"])
    if as_of is not None:
        early = mask(rows["close_time"] <= as_of)
        counts.append(count_rule("after_as_of", rows, ~early, rejected=True))
        rows, placed = rows.take(early), placed.take(placed["close_time"] <= as_of)

    kept, rejects = _reject(rows, schedule)
    rows, duplicates = _one_version(kept, versions, as_of)
    counts += rejects + duplicates
    if has_volume:
        counts += [
            count_rule("null_volume", rows, rules.null_volume(rows)),
            count_rule("zero_volume", rows, rules.zero_volume(rows)),
        ]
    else:
        rows = rows.put(volume=np.full(len(rows), np.nan))
    extended = rules.extended_hours(rows, schedule.segments)
    counts.append(count_rule("extended_hours", rows, extended, flag="is_extended"))
    return CleanRows(rows, placed, tuple(counts))


def _place(raw: Rows, schedule: Schedule) -> Rows:
    stamps, month = raw["open_time"], np.datetime64(schedule.month, "M")
    if schedule.is_daily:
        day = schedule.calendar.trading_day(stamps)
        return _place_days(raw.put(in_month=day.astype("datetime64[M]") == month), day, schedule)
    segment = schedule.segments.locate(stamps)
    in_month = segment >= 0
    if not in_month.all():
        elsewhere = ~in_month
        day = schedule.calendar.trading_day(stamps[elsewhere])
        in_month[elsewhere] = day.astype("datetime64[M]") == month
    return raw.put(in_month=in_month, segment=segment)


def _place_days(rows: Rows, day: Stamps, schedule: Schedule) -> Rows:
    """Give each daily row the hours of its session, whichever stamp of that day it carries."""
    segments = schedule.segments
    session = segments.session.astype("datetime64[D]")
    at = np.searchsorted(session, day)
    found = at < len(session)
    found[found] = session[at[found]] == day[found]
    hours = {}
    for name, scheduled in (("open_time", segments.start), ("close_time", segments.end)):
        hours[name] = rows[name].copy()
        hours[name][found] = scheduled[at[found]]
    return rows.put(segment=np.where(found, at, -1), **hours)


def _reject(rows: Rows, schedule: Schedule) -> tuple[Rows, list[RuleCount]]:
    kept = np.ones(len(rows), dtype=np.bool_)
    counts = []
    for rule in rules.REJECTING:
        hit = rule(rows, schedule) & kept
        counts.append(count_rule(rule.__name__, rows, hit, rejected=True))
        kept &= ~hit
    return rows.kept(kept), counts


def _one_version(
    rows: Rows, versions: Versions, as_of: np.datetime64 | None
) -> tuple[Rows, list[RuleCount]]:
    stamps = rows["open_time"]
    if (stamps[1:] > stamps[:-1]).all():  # one row a stamp and in order, as most files have it
        none = [RuleCount(name, 0, True) for name in ("exact_duplicate", "conflicting_duplicate")]
        return rows, none
    rows = by_delivery(rows)
    winner_of = winners(rows, versions, as_of)
    lost = mask(winner_of != np.arange(len(rows)))
    exact = rules.exact_duplicate(rows, winner_of)
    counts = [
        count_rule("exact_duplicate", rows, exact, rejected=True),
        count_rule("conflicting_duplicate", rows, lost & ~exact, rejected=True),
    ]
    return rows.take(~lost), counts


def count_rule(
    rule: str, rows: Rows, hit: Mask, *, rejected: bool = False, flag: str | None = None
) -> RuleCount:
    """Return how often a rule applied, with the first rows that it applied to in words."""
    count = int(np.count_nonzero(hit))
    if not count:
        return RuleCount(rule, 0, rejected, flag=flag)
    examples = tuple(_describe(rows, at) for at in np.flatnonzero(hit)[:EXAMPLES])
    return RuleCount(rule, count, rejected, examples, flag)


def _describe(rows: Rows, at: np.intp) -> str:
    prices = " ".join(f"{name[0].upper()} {rows[name][at]:g}" for name in VALUES)
    archive = rows.archives[rows["archive"][at]][:12]
    opened = pd.Timestamp(rows["open_time"][at])
    return f"{opened}Z, row {rows['source_row'][at]} of {archive}: {prices}"
