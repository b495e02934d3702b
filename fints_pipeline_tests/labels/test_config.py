from __future__ import annotations

import pandas as pd
import pytest

from fints_pipeline import labels
from fints_pipeline.base.config import parse_config
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.labels import LabelsConfig
from fints_pipeline_tests.strategies import random_bars

LINES = [
    {"name": "forward_return", "horizon": 3},
    {"name": "direction", "horizon": 5, "unit": "volatility", "window": 7},
]


def test_columns_and_reach() -> None:
    config = parse_config(LINES, LabelsConfig, where="here")
    names = ("forward_return_3", "forward_return_3_end", "direction_5", "direction_5_end")
    assert config.columns == names
    assert (config.lookback, config.horizon, config.ahead) == (7, 5, 6)


def test_the_table_has_keys_then_labels_with_their_ends() -> None:
    config = parse_config(LINES, LabelsConfig, where="here")
    bars = random_bars(40)
    table = labels.run(config, bars)
    keys = ["instrument", "open_time", "close_time", "session"]
    assert list(table.columns) == [*keys, *config.columns]
    pd.testing.assert_frame_equal(table[keys], bars[keys])
    assert str(table["direction_5_end"].dtype) == "datetime64[us, UTC]"


def test_the_same_column_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="forward_return_3"):
        parse_config([LINES[0], LINES[0]], LabelsConfig, where="here")


@pytest.mark.parametrize("dead_band", [-1.0, float("inf"), float("nan")])
def test_a_dead_band_is_a_number_from_zero_up(dead_band: float) -> None:
    with pytest.raises(ConfigError, match="dead_band"):
        parse_config([{"name": "direction", "dead_band": dead_band}], LabelsConfig, where="here")
