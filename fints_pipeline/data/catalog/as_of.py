"""Bars as they were at an earlier time: read where nothing was restated since, else made again."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import pyarrow as pa

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.lake import Lake, TableKey, series_key
from fints_pipeline.data import partition
from fints_pipeline.data.catalog.inventory import EVENTS, Partition
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS


def is_settled(bars: Partition, sources: Iterable[Partition | None], as_of: datetime) -> bool:
    """Return whether a month's bars were at ``as_of`` what they are now.

    They were when all had closed by then, and what they were made from came in one delivery each.
    """
    closed = "close_time" not in bars.ranges or bars.ranges["close_time"][1] <= as_of
    return closed and all(_is_one_delivery(source) for source in sources)


def remake(
    lake: Lake, config: DatasetConfig, freq: str, instrument: str, month: str, as_of: datetime
) -> pa.Table:
    """Return a month's bars as they were at ``as_of``, cleaned with today's rules.

    Raises:
        KeyNotFoundError: the data set has no bars of this frequency.
    """
    if freq not in config.frequencies:
        raise KeyNotFoundError(
            f"data set {config.name!r} has no bars of {freq}",
            fix=f"its frequencies are {', '.join(config.frequencies)}",
        )
    made = partition.compute(lake, config, instrument, month, as_of)
    return made.tables[freq]


def read_actions(lake: Lake, instrument: str) -> pa.Table:
    """Return every delivery of an instrument's splits and dividends."""
    key = actions_key(instrument)
    return lake.read(key) if lake.exists(key) else CORPORATE_ACTIONS.arrow_schema.empty_table()


def actions_key(instrument: str) -> TableKey:
    """Return the key of an instrument's splits and dividends."""
    return series_key("corporate_actions", EVENTS, instrument, "all")


def _is_one_delivery(source: Partition | None) -> bool:
    if source is None or "known_at" not in source.ranges:
        return True
    first, last = source.ranges["known_at"]
    return first == last
