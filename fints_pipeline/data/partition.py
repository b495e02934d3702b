"""One month of bars: read the slice that the archives gave, clean and resample it, write."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from fints_pipeline.base.config import fingerprint
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Footer, Lake, Lineage, series_key
from fints_pipeline.base.lake.lineage import digests
from fints_pipeline.data import bars
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.quality import QualityReport
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS

CODE_VERSION = "2"


@dataclass(frozen=True)
class BarsPartition:
    """What `build` wrote.

    Attributes:
        footers: Footer of each frequency's partition.
        quality: What cleaning found.
    """

    footers: Mapping[str, Footer]
    quality: QualityReport


def build(lake: Lake, config: DatasetConfig, instrument: str, month: str) -> BarsPartition:
    """Make and write ``bars/<freq>/instrument/month`` for every frequency of the data set.

    Raises:
        KeyNotFoundError: no archive holds rows of that month.
    """
    raw_key = series_key("raw_bars", config.base_frequency, instrument, month)
    actions_key = series_key("corporate_actions", "event", instrument, "all")
    raw = to_pandas(lake.read(raw_key))
    actions = to_pandas(_actions(lake, instrument))
    result = bars.run(config, raw, actions, instrument, month)
    lineage = Lineage(CODE_VERSION, fingerprint(config), digests(lake, [raw_key, actions_key]))
    quality = {"quality": json.dumps(result.quality.to_dict(), sort_keys=True)}
    footers = {
        freq: lake.write(
            series_key("bars", freq, instrument, month),
            to_arrow(frame, BARS.arrow_schema),
            BARS,
            lineage,
            extra=quality if freq == config.base_frequency else None,
        )
        for freq, frame in result.frames.items()
    }
    return BarsPartition(footers, result.quality)


def _actions(lake: Lake, instrument: str) -> pa.Table:
    key = series_key("corporate_actions", "event", instrument, "all")
    if lake.exists(key):
        return lake.read(key)
    return CORPORATE_ACTIONS.arrow_schema.empty_table()
