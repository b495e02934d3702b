"""The bars stage: one month of one instrument's raw rows into clean bars of every frequency."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
import pandas as pd
import pyarrow as pa

from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.time import check_month, minutes
from fints_pipeline.data.account import quality_report
from fints_pipeline.data.calendars import Segments, naive_utc
from fints_pipeline.data.carried import Carried
from fints_pipeline.data.cleaning import clean, count_rule
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.corporate_actions import split_factor, splits_by_date
from fints_pipeline.data.filling import fill, known_until
from fints_pipeline.data.flags import (
    Floats,
    Suspects,
    halted,
    partial_so_far,
    suspects,
    untraded,
)
from fints_pipeline.data.quality import QualityReport, RuleCount
from fints_pipeline.data.resampling import resample
from fints_pipeline.data.rows import Mask, Rows, raw_rows, table_of
from fints_pipeline.data.rules import Schedule, mask
from fints_pipeline.data.splits import last_sessions, sessions_of, split_doubts
from fints_pipeline.schemas.bars import BARS


@dataclass(frozen=True, eq=False)
class BarsResult:
    """What the stage makes.

    Attributes:
        tables: Bars by frequency, each BarsSchema, ascending ``close_time``.
        quality: The account of every raw row.
        before: Digest of what the trailing rules remembered of earlier months.
        carried: What they remember after this one.
    """

    tables: dict[str, pa.Table]
    quality: QualityReport
    before: str
    carried: Carried

    @property
    def frames(self) -> dict[str, pd.DataFrame]:
        """The same bars as pandas frames."""
        return {frequency: to_pandas(table) for frequency, table in self.tables.items()}


def run(
    config: DatasetConfig,
    raw: pa.Table,
    actions: pd.DataFrame,
    instrument: str,
    month: str,
    as_of: datetime | None = None,
    before: Carried = Carried(),  # noqa: B008
) -> BarsResult:
    """Clean, flag, fill and resample one month.

    Causal: a bar and its flags depend on raw rows that open before its close, and on nothing later.
    Filled bars and the last, unfinished interval appear once it is known that their time is over
    (`filling.known_until`).

    Args:
        config: The data set.
        raw: The month's slice in the columns of raw_bars, in any order.
        actions: Corporate actions of all time in the columns of corporate_actions.
        instrument: ``dataset.SYMBOL``.
        month: Month of the session dates, for example ``2023-01``.
        as_of: Leaves out what closed later, and takes each bar and split as it was known then;
            aware. By default ``config.versions`` says which delivery counts.
        before: What the trailing rules remember of the months before.

    Raises:
        CalendarError: the calendar does not cover the month.
        SchemaError: a split ratio is not a positive number.
    """
    calendar = config.calendar_of(instrument.partition(".")[2])
    base = minutes(config.base_frequency)
    schedule = Schedule(calendar, check_month(month), np.timedelta64(base, "m"))
    segments = schedule.segments
    moment = None if as_of is None else naive_utc([as_of])[0]
    cleaned = clean(raw_rows(raw), schedule, config.has_volume, config.versions, moment)
    until = known_until(cleaned.placed, segments, schedule.step)
    until = until if moment is None else min(until, moment)
    factor = split_factor(actions, instrument, segments.session, as_of, config.versions)
    suspect, carried = suspects(cleaned.rows, schedule, factor, config.rules, before)
    filled = fill(
        cleaned.rows,
        segments,
        schedule.step,
        longest=config.max_fill_minutes // base,
        until=until,
        fill_volume=0.0 if config.has_volume else np.nan,
    )
    flags = _flags(filled, suspect, schedule, config)
    bars = _bars(filled, flags, segments, factor)
    rows = {
        frequency: bars
        if frequency == config.base_frequency
        else resample(bars, frequency, segments, until)
        for frequency in config.frequencies
    }
    days = sessions_of(bars)
    recorded = splits_by_date(actions, instrument, as_of, config.versions)
    quality = quality_report(
        instrument,
        raw.num_rows,
        cleaned,
        _counts(cleaned.rows, suspect),
        filled,
        schedule,
        until,
        config.rules.halt_minutes,
        split_doubts(days, recorded, config.rules.split_tolerance, before.sessions),
    )
    tables = {
        frequency: table_of(made, instrument, BARS.arrow_schema) for frequency, made in rows.items()
    }
    carried = replace(carried, sessions=last_sessions(days, before.sessions))
    return BarsResult(tables, quality, before.digest, carried)


def _flags(
    filled: Rows, suspect: Suspects, schedule: Schedule, config: DatasetConfig
) -> dict[str, Mask]:
    """Return the flags of bars of the base frequency by column."""
    segments, segment = schedule.segments, filled["segment"]
    opened, closed = filled["open_time"], filled["close_time"]
    is_suspect = np.zeros(len(filled), dtype=np.bool_)
    is_suspect[~filled["is_filled"]] = suspect.flag
    return {
        # A daily bar is as long as its session.
        "is_partial": mask(closed - opened < schedule.step) & (not schedule.is_daily),
        "is_halted": halted(filled, segment, config.rules.halt_minutes),
        "is_suspect": is_suspect,
        "is_extended": segments.extended[segment],
        "opens_filled": untraded(filled),
        "partial_so_far": partial_so_far(opened, segment, segments, schedule.step),
    }


def _bars(filled: Rows, flags: dict[str, Mask], segments: Segments, factor: Floats) -> Rows:
    segment = filled["segment"]
    return filled.put(
        **flags,
        session=segments.session[segment],
        session_open=segments.session_open[segment],
        session_close=segments.session_close[segment],
        split_factor=factor[segment],
    )


def _counts(rows: Rows, suspect: Suspects) -> tuple[RuleCount, ...]:
    return (
        count_rule("bad_tick", rows, suspect.bad_tick, flag="is_suspect"),
        count_rule("reverting_spike", rows, suspect.reverting_spike),
        count_rule("volume_anomaly", rows, suspect.volume_anomaly, flag="is_suspect"),
    )
