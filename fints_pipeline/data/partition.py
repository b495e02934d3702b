"""One month of bars: read the slice that the archives gave, clean and resample it, write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cache
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Footer, Lake, TableKey, series_key
from fints_pipeline.base.lake.footer import CARRIED
from fints_pipeline.base.lake.lineage import carried_to, digests
from fints_pipeline.base.time import minutes
from fints_pipeline.data import bars
from fints_pipeline.data.calendars import Stamps
from fints_pipeline.data.carried import Carried, from_text
from fints_pipeline.data.clock import ClockReport, check_clock
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.made_with import made_with
from fints_pipeline.data.quality import QualityReport
from fints_pipeline.data.rows import RAW_COLUMNS
from fints_pipeline.data.slices import RAW_BARS
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS

MONTHS_AROUND = 3
"""Further months that the clock check looks at where one holds too few openings."""
_Activity: TypeAlias = tuple[Stamps, npt.NDArray[np.float64]]


@dataclass(frozen=True)
class BarsPartition:
    """What `build` wrote.

    Attributes:
        footers: Footer of each frequency's partition.
        quality: What cleaning found.
    """

    footers: Mapping[str, Footer]
    quality: QualityReport


def compute(
    lake: Lake,
    config: DatasetConfig,
    instrument: str,
    month: str,
    as_of: datetime | None = None,
    before: Carried | None = None,
) -> bars.BarsResult:
    """Make one month's bars without writing them.

    The trailing rules go on from what the last earlier month of bars handed on.

    Args:
        lake: The lake.
        config: The data set.
        instrument: ``dataset.SYMBOL``.
        month: Month of the session dates.
        as_of: What the bars were at that time, aware; see `bars.run`.
        before: What the last earlier month hands on, where that one is not in the lake yet.

    Raises:
        KeyNotFoundError: no archive holds rows of that month.
    """
    raw = lake.read(_raw_key(config, instrument, month), RAW_COLUMNS, encoded=["archive"])
    actions = _actions(lake, instrument)
    if before is None:
        before = carried_before(lake, config, instrument, month, as_of)
    return bars.run(config, raw, actions, instrument, month, as_of, before)


def carried_before(
    lake: Lake, config: DatasetConfig, instrument: str, month: str, as_of: datetime | None = None
) -> Carried:
    """Return what the last month of bars before ``month`` hands on; nothing before the first.

    Where that one or the corporate actions were delivered more than once it is made again as it was
    at ``as_of``; months before it count as they lie in the lake.
    """
    earlier = [m for m in lake.months("bars", config.base_frequency, instrument) if m < month]
    if not earlier:
        return Carried()
    raw = _raw_key(config, instrument, earlier[-1])
    inputs = [key for key in (raw, _actions_key(instrument)) if lake.exists(key)]
    restated = as_of is not None and any(_deliveries(lake, key) > 1 for key in inputs)
    if restated and raw in inputs:
        start = carried_before(lake, config, instrument, earlier[-1])
        return compute(lake, config, instrument, earlier[-1], as_of, start).carried
    key = series_key("bars", config.base_frequency, instrument, earlier[-1])
    text = lake.footer(key).notes.get(CARRIED)
    return from_text(text) if text is not None else Carried()


def clock(lake: Lake, config: DatasetConfig, instrument: str, month: str) -> ClockReport:
    """Return whether the month's stamps fit the hours of their market.

    A market that rests at weekends alone shows its clock a few times a month: there, the months
    before count as well, or those after where there are none.

    Raises:
        KeyNotFoundError: no archive holds rows of that month.
    """
    known = lake.months(RAW_BARS, config.base_frequency, instrument)
    place = known.index(month) if month in known else len(known)
    around = [*known[:place][::-1], *known[place + 1 :]][:MONTHS_AROUND]
    seen = {month: _activity(lake, config, instrument, month)}
    report = _clock(config, instrument, seen)
    for other in around:
        if report.evidence or report.never_rests:
            break
        seen[other] = _activity(lake, config, instrument, other)
        report = _clock(config, instrument, seen)
    return report


def _activity(lake: Lake, config: DatasetConfig, instrument: str, month: str) -> _Activity:
    """Return when a month's raw bars open, naive UTC, and how much goes on in them."""
    columns = ["open_time", *(["volume"] if config.has_volume else ["high", "low"])]
    raw = lake.read(_raw_key(config, instrument, month), columns)
    opened = raw["open_time"].to_numpy().astype("datetime64[us]", copy=False)
    if config.has_volume:
        return opened, raw["volume"].to_numpy().astype(float, copy=False)
    return opened, raw["high"].to_numpy() - raw["low"].to_numpy()


def _clock(config: DatasetConfig, instrument: str, seen: Mapping[str, _Activity]) -> ClockReport:
    opened, activity = zip(*(seen[month] for month in sorted(seen)), strict=True)
    return check_clock(
        np.concatenate(opened),
        np.concatenate(activity),
        config.calendar_of(config.symbol(instrument)),
        config.timezone,
        minutes(config.base_frequency),
    )


def build(lake: Lake, config: DatasetConfig, instrument: str, month: str) -> BarsPartition:
    """Make and write ``bars/<freq>/instrument/month`` for every frequency of the data set.

    Raises:
        KeyNotFoundError: no archive holds rows of that month.
    """
    return write(lake, config, instrument, month, compute(lake, config, instrument, month))


def write(
    lake: Lake, config: DatasetConfig, instrument: str, month: str, result: bars.BarsResult
) -> BarsPartition:
    """Write one month's bars of every frequency."""
    inputs = digests(lake, [_raw_key(config, instrument, month), _actions_key(instrument)])
    inputs[str(carried_key(config, instrument, month))] = result.before
    lineage = replace(made_with(config), inputs=inputs)
    notes = {"quality": json.dumps(result.quality.to_dict(), sort_keys=True)}
    if result.carried.digest:
        notes[CARRIED] = result.carried.to_text()
    footers = {
        freq: lake.write(
            series_key("bars", freq, instrument, month),
            table,
            BARS,
            lineage,
            notes=notes if freq == config.base_frequency else None,
        )
        for freq, table in result.tables.items()
    }
    return BarsPartition(footers, result.quality)


def started_from(lake: Lake, config: DatasetConfig, instrument: str, month: str) -> str | None:
    """Return the digest of what a month of bars started from; None where it is not in the lake."""
    key = series_key("bars", config.base_frequency, instrument, month)
    if not lake.exists(key):
        return None
    return lake.footer(key).lineage.inputs.get(str(carried_key(config, instrument, month)))


def _deliveries(lake: Lake, key: TableKey) -> int:
    return len(lake.read(key, ["known_at"]).column("known_at").unique())


def carried_key(config: DatasetConfig, instrument: str, month: str) -> TableKey:
    """Return the input that stands for what a month starts from."""
    return carried_to(series_key("bars", config.base_frequency, instrument, month))


def _raw_key(config: DatasetConfig, instrument: str, month: str) -> TableKey:
    return series_key(RAW_BARS, config.base_frequency, instrument, month)


def _actions_key(instrument: str) -> TableKey:
    return series_key("corporate_actions", "event", instrument, "all")


def _actions(lake: Lake, instrument: str) -> pd.DataFrame:
    key = _actions_key(instrument)
    return to_pandas(lake.read(key)) if lake.exists(key) else _no_actions()


@cache
def _no_actions() -> pd.DataFrame:
    return to_pandas(CORPORATE_ACTIONS.arrow_schema.empty_table())
