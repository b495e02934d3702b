"""One month of features: read the bars and their lookback, compute, write."""

from __future__ import annotations

from dataclasses import replace

from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Footer, Lake, series_key
from fints_pipeline.base.lake.history import read_surroundings
from fints_pipeline.features.beside import read_frames
from fints_pipeline.features.config import FeaturesConfig
from fints_pipeline.features.made_with import made_with
from fints_pipeline.features.stage import run
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.features import features_contract


def build(lake: Lake, config: FeaturesConfig, freq: str, instrument: str, month: str) -> Footer:
    """Compute and write ``features/freq/instrument/month``.

    Raises:
        KeyNotFoundError: the month's bars, a series or the news on them are not in the lake.
    """
    read = read_surroundings(
        lake,
        "bars",
        freq,
        instrument,
        month,
        before=config.lookback,
        # The month's first session is one of the lookback's.
        before_sessions=max(0, config.lookback_sessions - 1),
    )
    BARS.validate(read.rows)
    frames, read_beside = read_frames(lake, config, freq, instrument, month)
    frame = run(config, to_pandas(read.rows), frames).iloc[read.start : read.stop]
    contract = features_contract(config.columns)
    inputs = {**read.inputs, **read_beside}
    lineage = replace(made_with(config), inputs=inputs)
    key = series_key("features", freq, instrument, month)
    return lake.write(key, to_arrow(frame, contract.arrow_schema), contract, lineage)
