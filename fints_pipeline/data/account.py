"""The quality report of one month, drawn up from what cleaning, filling and the calendar say."""

from __future__ import annotations

import numpy as np

from fints_pipeline.data.calendars import Segments
from fints_pipeline.data.cleaning import CleanRows
from fints_pipeline.data.filling import missing_after
from fints_pipeline.data.halts import halts
from fints_pipeline.data.quality import QualityReport, RuleCount
from fints_pipeline.data.rows import Rows
from fints_pipeline.data.rules import Schedule
from fints_pipeline.data.splits import SplitDoubts


def quality_report(
    instrument: str,
    rows_in: int,
    cleaned: CleanRows,
    flagged: tuple[RuleCount, ...],
    filled: Rows,
    schedule: Schedule,
    until: np.datetime64,
    halt_minutes: int,
    doubts: SplitDoubts,
) -> QualityReport:
    """Draw up the report.

    Args:
        instrument: ``dataset.SYMBOL``.
        rows_in: How many raw rows came in.
        cleaned: What cleaning kept.
        flagged: Counts of the rules that flag bars.
        filled: The bars of the base frequency, with ``segment``.
        schedule: The month's grid.
        until: Up to when the market's activity is known.
        halt_minutes: Shortest stretch without a trade that is listed.
        doubts: What the prices say of splits.
    """
    segments, rows = schedule.segments, cleaned.rows
    regular = ~segments.extended
    due = np.where(regular, _due(segments, schedule.step, until), 0)
    made = np.bincount(filled["segment"], minlength=len(segments))
    sessions, of = np.unique(segments.session, return_inverse=True)
    seen = np.bincount(of, weights=made, minlength=len(sessions)) > 0
    missing = np.bincount(of, weights=due - made * regular, minlength=len(sessions))
    holes = np.where(seen, missing, 0).astype(np.int64)
    over = np.zeros(len(sessions), dtype=np.bool_)
    over[of] = segments.session_close <= until
    found = halts(rows, segments, until, halt_minutes)
    return QualityReport(
        instrument=instrument,
        month=schedule.month,
        rows_in=rows_in,
        rows_out=len(filled),
        filled=int(filled["is_filled"].sum()),
        holes=int(holes.sum()),
        longest_gap=_longest_gap(rows, segments, schedule.step, until),
        sessions=int(seen.sum()),
        partial_sessions=_dates(sessions[holes > 0]),
        empty_sessions=_dates(sessions[over & ~seen]),
        rules=(*cleaned.rules, *flagged),
        halts=found.count,
        halted_minutes=found.minutes,
        longest_halts=found.longest,
        unrecorded_splits=doubts.unrecorded,
        unshown_splits=doubts.unshown,
    )


def _due(segments: Segments, step: np.timedelta64, until: np.datetime64) -> np.ndarray:
    """Return how many bars of each segment are over by ``until``."""
    whole = -((segments.start - segments.end) // step)
    so_far = np.maximum((until - segments.start) // step, 0)
    return np.where(until >= segments.end, whole, so_far)


def _longest_gap(rows: Rows, segments: Segments, step: np.timedelta64, until: np.datetime64) -> int:
    gaps = missing_after(rows, segments, step, until)
    return int(gaps.max(initial=0, where=~segments.extended[rows["segment"]]))


def _dates(sessions: np.ndarray) -> tuple[str, ...]:
    return tuple(str(day) for day in sessions.astype("datetime64[D]"))
