"""One month of news counted on bars: read bars and items, count, write."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pandas as pd
import pyarrow as pa

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Footer, Lake, Lineage, TableKey, series_key
from fints_pipeline.base.lake.history import read_surroundings
from fints_pipeline.base.lake.lineage import digests
from fints_pipeline.base.time import month_of, months_between
from fints_pipeline.data.news.bars_config import NewsOnBarsConfig, SourceOnBars
from fints_pipeline.data.news.on_bars import per_bar
from fints_pipeline.data.news.partition import news_key
from fints_pipeline.schemas.news import NEWS
from fints_pipeline.schemas.news_bars import news_bars_contract

CODE_VERSION = "1"
TABLE = "news_bars"
_KEY = ("instrument", "open_time", "close_time", "session")


def made_with(config: NewsOnBarsConfig) -> Lineage:
    """Return what a partition made now would say of its code and config."""
    return Lineage(CODE_VERSION, fingerprint(config))


def subject_of(source: str, instrument: str) -> str:
    """Return what a source's items about an instrument are filed under."""
    return f"{source}.{instrument.partition('.')[2]}"


def build(lake: Lake, config: NewsOnBarsConfig, freq: str, instrument: str, month: str) -> Footer:
    """Count and write ``news_bars/freq/instrument/month``.

    Raises:
        KeyNotFoundError: the month's bars are not in the lake.
    """
    # One bar more, from whose close on the first bar counts.
    read = read_surroundings(lake, "bars", freq, instrument, month, before=1)
    first = max(0, read.start - 1)
    bars = to_pandas(read.rows.slice(first, read.stop - first))
    own = slice(read.start - first, None)
    table = bars.loc[:, list(_KEY)].iloc[own]
    inputs = dict(read.inputs)
    for source in config.sources:
        keys = _keys(source, instrument, bars)
        inputs |= digests(lake, keys)
        counts = per_bar(
            bars,
            to_pandas(_items(lake, keys)),
            timedelta(minutes=source.lag_minutes),
            timedelta(days=source.max_age_days),
        )
        table = table.join(counts.iloc[own].add_prefix(f"{source.source}_"))
    contract = news_bars_contract(config.names)
    lineage = replace(made_with(config), inputs=inputs)
    key = series_key(TABLE, freq, instrument, month)
    return lake.write(key, to_arrow(table, contract.arrow_schema), contract, lineage)


def _keys(source: SourceOnBars, instrument: str, bars: pd.DataFrame) -> list[TableKey]:
    """Return the months of items that can show on these bars, whether they are there or not."""
    if bars.empty:
        return []
    lag, age = timedelta(minutes=source.lag_minutes), timedelta(days=source.max_age_days)
    since = min(bars["open_time"].iloc[0] - lag, bars["close_time"].iloc[0] - age)
    months = months_between(month_of(since.date()), month_of(bars["close_time"].iloc[-1].date()))
    return [news_key(subject_of(source.source, instrument), month) for month in months]


def _items(lake: Lake, keys: list[TableKey]) -> pa.Table:
    there = [lake.read(key) for key in keys if lake.exists(key)]
    return pa.concat_tables([NEWS.arrow_schema.empty_table(), *there])
