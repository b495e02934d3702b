"""Months of labels that read features, in a lake."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fints_pipeline import features, labels
from fints_pipeline.base.errors import UserError
from fints_pipeline.base.frames import to_arrow, to_pandas
from fints_pipeline.base.lake import Lake, Lineage, series_key
from fints_pipeline.features import FeaturesConfig
from fints_pipeline.features import partition as features_partition
from fints_pipeline.labels import LabelsConfig, partition
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.training.class_labels import noted_names
from fints_pipeline_tests.contracts import laws
from fints_pipeline_tests.strategies import random_bars

NAME = "test.A"
MONTHS = ("2024-01", "2024-02", "2024-03")
SIDES = FeaturesConfig(features=[{"name": "moving_average_distance", "window": 20}])
CONFIG = LabelsConfig(labels=[{"name": "meta_label", "window": 30}, {"name": "volatility_bucket"}])


def history() -> pd.DataFrame:
    bars = random_bars(1_000, 3, sessions=18, instrument=NAME)
    return bars[bars["session"] < "2024-04-01"]


def month(frame: pd.DataFrame, name: str) -> pd.DataFrame:
    return frame[frame["session"].dt.strftime("%Y-%m") == name].reset_index(drop=True)


def test_a_meta_label_takes_its_side_from_the_features(lake: Lake) -> None:
    bars = history()
    for part in MONTHS:
        table = to_arrow(month(bars, part), BARS.arrow_schema)
        lake.write(series_key("bars", "5m", NAME, part), table, BARS, Lineage("1", "c"))
    with pytest.raises(UserError, match="features"):
        partition.build(lake, CONFIG, "5m", NAME, MONTHS[1])
    features_partition.build(lake, SIDES, "5m", NAME, MONTHS[1])
    footer = partition.build(lake, CONFIG, "5m", NAME, MONTHS[1])
    assert f"features/5m/{NAME}/{MONTHS[1]}" in footer.lineage.inputs
    told = noted_names([footer])
    assert list(told["volatility_bucket_12"]) == ["0", "1", "2"]
    assert told[CONFIG.labels[0].column] == {"0": "leave", "1": "take"}

    side = features.run(SIDES, bars)["moving_average_distance_20"]
    whole = labels.run(CONFIG, bars.assign(moving_average_distance_20=side.to_numpy()))
    got = to_pandas(lake.read(series_key("labels", "5m", NAME, MONTHS[1])))
    laws.assert_same_rows(got, month(whole, MONTHS[1]), MONTHS[1])
    assert np.isfinite(got["meta_label_moving_average_distance_20_12"]).mean() > 0.5
