"""The bars stage: one month of one instrument's raw rows into clean bars of every frequency."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from fints_pipeline.base.time import check_month, minutes
from fints_pipeline.data.calendars import Segments, aware_utc, calendar_for
from fints_pipeline.data.cleaning import CleanRows, clean
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.corporate_actions import split_factor
from fints_pipeline.data.filling import fill, known_until, missing_after
from fints_pipeline.data.quality import QualityReport
from fints_pipeline.data.resampling import resample
from fints_pipeline.data.rules import Schedule

COLUMNS = [
    "instrument", "open_time", "close_time", "session", "session_open", "session_close",
    "open", "high", "low", "close", "volume", "split_factor", "is_filled", "is_partial",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class BarsResult:
    """What the stage makes.

    Attributes:
        frames: Bars by frequency, each BarsSchema, ascending ``close_time``.
        quality: The account of every raw row.
    """

    frames: dict[str, pd.DataFrame]
    quality: QualityReport


def run(
    config: DatasetConfig, raw: pd.DataFrame, actions: pd.DataFrame, instrument: str, month: str
) -> BarsResult:
    """Clean, fill and resample one month.

    Causal: a bar depends on raw rows that open before its close, and on nothing later. Filled bars
    and the last, unfinished interval appear once it is known that their time is over
    (`filling.known_until`).

    Args:
        config: The data set.
        raw: The month's slice in the columns of raw_bars, in any order; left unchanged.
        actions: Corporate actions of all time in the columns of corporate_actions.
        instrument: ``dataset.SYMBOL``.
        month: Month of the session dates, for example ``2023-01``.

    Raises:
        CalendarError: the calendar does not cover the month.
        SchemaError: a split ratio is not a positive number.
    """
    calendar = calendar_for(config.calendar)
    base = minutes(config.base_frequency)
    schedule = Schedule(calendar, check_month(month), np.timedelta64(base, "m"))
    segments = schedule.segments
    cleaned = clean(raw, schedule, config.has_volume)
    until = known_until(cleaned.placed, segments, schedule.step)
    filled = fill(
        cleaned.rows,
        segments,
        schedule.step,
        longest=config.max_fill_minutes // base,
        until=until,
        fill_volume=0.0 if config.has_volume else np.nan,
    )
    bars = _bars(filled, segments, schedule.step, actions, instrument)
    frames = {
        frequency: bars
        if frequency == config.base_frequency
        else resample(bars, frequency, segments, until)
        for frequency in config.frequencies
    }
    quality = _quality(cleaned, filled, schedule, until, len(raw), instrument)
    return BarsResult(frames, quality)


def _bars(
    filled: pd.DataFrame,
    segments: Segments,
    step: np.timedelta64,
    actions: pd.DataFrame,
    instrument: str,
) -> pd.DataFrame:
    segment = filled["segment"].to_numpy()
    opened, closed = filled["open_time"].to_numpy(), filled["close_time"].to_numpy()
    session = segments.session[segment]
    added = {
        "instrument": np.full(len(filled), instrument, dtype=object),
        "open_time": aware_utc(opened),
        "close_time": aware_utc(closed),
        "session": session,
        "session_open": aware_utc(segments.session_open[segment]),
        "session_close": aware_utc(segments.session_close[segment]),
        "split_factor": split_factor(actions, instrument, session),
        "is_partial": closed - opened < step,
    }
    return filled.assign(**added)[COLUMNS]


def _quality(
    cleaned: CleanRows,
    filled: pd.DataFrame,
    schedule: Schedule,
    until: np.datetime64,
    rows_in: int,
    instrument: str,
) -> QualityReport:
    segments, rows = schedule.segments, cleaned.rows
    due = _due(segments, schedule.step, until)
    made = np.bincount(filled["segment"].to_numpy(), minlength=len(segments))
    sessions, of = np.unique(segments.session, return_inverse=True)
    due_by_session = np.bincount(of, weights=due, minlength=len(sessions)).astype(np.int64)
    made_by_session = np.bincount(of, weights=made, minlength=len(sessions)).astype(np.int64)
    seen = made_by_session > 0
    holes = np.where(seen, due_by_session - made_by_session, 0)
    over = np.zeros(len(sessions), dtype=np.bool_)
    over[of] = segments.session_close <= until
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
        rules=cleaned.rules,
    )


def _due(segments: Segments, step: np.timedelta64, until: np.datetime64) -> np.ndarray:
    """Return how many bars of each segment are over by ``until``."""
    whole = -((segments.start - segments.end) // step)
    so_far = np.maximum((until - segments.start) // step, 0)
    return np.where(until >= segments.end, whole, so_far)


def _longest_gap(
    rows: pd.DataFrame, segments: Segments, step: np.timedelta64, until: np.datetime64
) -> int:
    return int(missing_after(rows, segments, step, until).max()) if len(rows) else 0


def _dates(sessions: np.ndarray) -> tuple[str, ...]:
    return tuple(str(day) for day in sessions.astype("datetime64[D]"))
