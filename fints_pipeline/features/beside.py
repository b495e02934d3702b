"""What features read beside bars: exogenous series, and news counted on the bars."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.base.frames import to_pandas
from fints_pipeline.base.lake import Lake, TableKey, series_key
from fints_pipeline.base.lake.lineage import digests
from fints_pipeline.features.bars import NEWS
from fints_pipeline.features.config import FeaturesConfig

_ADVICE = (
    "put a file of the series into the inbox (configs/exogenous/{name}.yaml says what it looks "
    "like) and ingest, or take the line out of `features:`"
)
_ADVICE_NEWS = (
    "ask for it in the dataset's `news:` section and make `news_bars`, or take the `news` lines "
    "out of `features:`"
)


def exogenous_key(source: str, frequency: str) -> TableKey:
    """Return the partition that holds an exogenous series."""
    return series_key("exogenous", frequency, source, "all")


def read_frames(
    lake: Lake, config: FeaturesConfig, freq: str, instrument: str, month: str
) -> tuple[dict[str, pd.DataFrame], Mapping[str, str]]:
    """Return the frames that a month's features take beside bars, and their digests.

    News is read of the month alone: no feature looks back on it.

    Raises:
        KeyNotFoundError: one is not in the lake.
    """
    keys = {name: exogenous_key(name, frequency) for name, frequency in config.sources.items()}
    if config.news:
        keys[NEWS] = series_key(NEWS, freq, instrument, month)
    for name, key in keys.items():
        if not lake.exists(key):
            raise KeyNotFoundError(
                f"features read {key}, which is not in the lake",
                where=lake.location,
                fix=_ADVICE_NEWS if name == NEWS else _ADVICE.format(name=name),
            )
    frames = {name: to_pandas(lake.read(key)) for name, key in keys.items()}
    return frames, digests(lake, keys.values())
