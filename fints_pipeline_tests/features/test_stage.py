from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fints_pipeline import features
from fints_pipeline.base.errors import SchemaError
from fints_pipeline.features import FeaturesConfig
from fints_pipeline_tests.strategies import random_bars

CONFIG = FeaturesConfig(features=[{"name": "log_return"}, {"name": "atr", "window": 3}])


def test_key_then_features_in_order() -> None:
    bars = random_bars(50, 1)
    table = features.run(CONFIG, bars)
    keys = ["instrument", "open_time", "close_time", "session", "is_filled"]
    assert list(table.columns) == [*keys, *CONFIG.columns]
    pd.testing.assert_frame_equal(table[keys], bars[keys])
    assert (table.dtypes[len(keys) :] == np.float64).all()


def test_a_month_cut_out_of_its_history_is_the_same() -> None:
    bars = random_bars(50, 1)
    month = features.run(CONFIG, bars.iloc[30 - CONFIG.lookback : 40]).iloc[CONFIG.lookback :]
    expected = features.run(CONFIG, bars).iloc[30:40]
    pd.testing.assert_frame_equal(
        month.reset_index(drop=True), expected.reset_index(drop=True), check_exact=True
    )


def test_bars_out_of_order_are_refused() -> None:
    with pytest.raises(SchemaError, match="ascending"):
        features.run(CONFIG, random_bars(5).iloc[::-1])


def test_the_size_of_a_block_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [{"name": "log_return"}, {"name": "atr", "window": 3}, {"name": "close_location"}]
    config = FeaturesConfig(features=[*lines, {"name": "intraday_seasonality", "sessions": 2}])
    bars = random_bars(2_000, 1, splits=0.2)
    whole = features.run(config, bars)
    monkeypatch.setattr("fints_pipeline.features.stage.BLOCK", 1)
    pd.testing.assert_frame_equal(features.run(config, bars), whole, check_exact=True)
