"""Bars of a month as they could have been made earlier, from what had been delivered by then."""

from __future__ import annotations

from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Lake, TableKey, series_key
from fints_pipeline.data import bars
from fints_pipeline.data.catalog.inventory import EVENTS, Partition
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS


def actions_key(instrument: str) -> TableKey:
    """Return the key of an instrument's splits and dividends."""
    return series_key("corporate_actions", EVENTS, instrument, "all")


def known_from(partition: Partition) -> datetime | None:
    """Return when the first of a partition's rows was delivered."""
    return partition.ranges["known_at"][0] if "known_at" in partition.ranges else None


def is_wholly_known(partition: Partition | None, as_of: datetime) -> bool:
    """Return whether everything that a partition holds had been delivered by a date."""
    return partition is None or (
        "known_at" not in partition.ranges or partition.ranges["known_at"][1] <= as_of
    )


def rebuild(
    lake: Lake, config: DatasetConfig, freq: str, instrument: str, month: str, as_of: datetime
) -> pa.Table:
    """Return a month's bars, cleaned now with today's rules from the rows delivered by ``as_of``.

    Of a restated row the version counts that was the last one then; splits and dividends that were
    delivered later do not exist.

    Raises:
        KeyNotFoundError: the data set has no bars of this frequency.
    """
    if freq not in config.frequencies:
        raise KeyNotFoundError(
            f"data set {config.name!r} has no bars of {freq}",
            fix=f"its frequencies are {', '.join(config.frequencies)}",
        )
    raw = lake.read(series_key("raw_bars", config.base_frequency, instrument, month))
    actions = read_actions(lake, instrument, as_of)
    made = bars.run(config, to_pandas(_known(raw, as_of)), to_pandas(actions), instrument, month)
    return to_arrow(made.frames[freq], BARS.arrow_schema)


def read_actions(lake: Lake, instrument: str, as_of: datetime | None = None) -> pa.Table:
    """Return an instrument's splits and dividends, those delivered by ``as_of`` if it is given."""
    key = actions_key(instrument)
    if not lake.exists(key):
        return CORPORATE_ACTIONS.arrow_schema.empty_table()
    rows = lake.read(key)
    return rows if as_of is None else _known(rows, as_of)


def _known(rows: pa.Table, as_of: datetime) -> pa.Table:
    limit = pa.scalar(as_of, pa.timestamp("us", "UTC"))
    return rows.filter(pc.less_equal(rows.column("known_at"), limit))
