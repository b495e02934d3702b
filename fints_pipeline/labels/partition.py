"""One month of labels: read the bars, what precedes and what follows them, compute, write."""

from __future__ import annotations

import json
from dataclasses import replace

from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Footer, Lake, series_key
from fints_pipeline.base.lake.history import read_surroundings
from fints_pipeline.base.lake.lineage import digests
from fints_pipeline.labels.config import LabelsConfig
from fints_pipeline.labels.made_with import made_with
from fints_pipeline.labels.stage import run
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.labels import labels_contract

CLASSES_NOTE = "classes"
"""Under this name a partition's footer notes the classes of each categorical label, as JSON."""


def build(lake: Lake, config: LabelsConfig, freq: str, instrument: str, month: str) -> Footer:
    """Compute and write ``labels/freq/instrument/month``.

    The last rows stay null until the next month's bars are there; their arrival makes this
    partition stale.

    Raises:
        KeyNotFoundError: the month's bars, or features that a label reads, are not in the lake.
    """
    read = read_surroundings(
        lake, "bars", freq, instrument, month, before=config.lookback, after=config.ahead
    )
    BARS.validate(read.rows)
    bars = to_pandas(read.rows)
    inputs = dict(read.inputs)
    if config.features:
        features_key = series_key("features", freq, instrument, month)
        features = to_pandas(lake.read(features_key, ["open_time", *config.features]))
        # Rows of other months need none: a label reads features of its own row alone.
        bars = bars.merge(features, on="open_time", how="left", validate="one_to_one")
        inputs |= digests(lake, [features_key])
    frame = run(config, bars).iloc[read.start : read.stop]
    contract = labels_contract([label.column for label in config.labels])
    lineage = replace(made_with(config), inputs=inputs)
    key = series_key("labels", freq, instrument, month)
    notes = {CLASSES_NOTE: json.dumps(config.classes)}
    return lake.write(key, to_arrow(frame, contract.arrow_schema), contract, lineage, notes=notes)
