from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from fints_pipeline import features
from fints_pipeline.base.components import available
from fints_pipeline.base.errors import ConfigError, SchemaError
from fints_pipeline.features import Feature, FeaturesConfig, FeatureStream
from fints_pipeline_tests.contracts import laws
from fints_pipeline_tests.strategies import random_bars

BESIDE = ("exogenous", "news")
ALL = [name for name in available("fints_pipeline.features", Feature) if name not in BESIDE]
SHORT = {"intraday_seasonality": {"sessions": 3}, "slot_volume_zscore": {"sessions": 4}}
EVERYTHING = FeaturesConfig(features=[{"name": name, **SHORT.get(name, {})} for name in ALL])
BARS = random_bars(900, 3, sessions=30, splits=0.2, volume="some")


def rows_of(stream: FeatureStream, bars: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame([stream.update(bar) for bar in bars.to_dict("records")])


def batch(rows: slice) -> pd.DataFrame:
    table = features.run(EVERYTHING, BARS)[list(EVERYTHING.columns)]
    return table.iloc[rows].reset_index(drop=True)


def test_every_family_together_equals_the_batch() -> None:
    got = rows_of(FeatureStream(EVERYTHING), BARS)
    laws.assert_same_rows(got, batch(slice(None)), "streamed")
    assert got.iloc[-1].notna().mean() > 0.8


def test_the_memory_is_bounded_by_what_is_declared() -> None:
    stream = FeatureStream(EVERYTHING)
    for i, bar in enumerate(BARS.to_dict("records")):
        stream.update(bar)
        sessions = BARS["session"].iloc[: i + 1].unique()[-EVERYTHING.lookback_sessions :]
        whole = int(BARS["session"].iloc[: i + 1].isin(sessions).sum())
        assert stream.state.num_rows <= max(EVERYTHING.lookback + 1, whole + 1)


def test_a_state_goes_through_a_file(tmp_path: Path) -> None:
    stream = FeatureStream(EVERYTHING)
    stream.warm_up(BARS.iloc[:500])
    pq.write_table(stream.state, tmp_path / "state.parquet")
    restored = FeatureStream.restore(EVERYTHING, pq.read_table(tmp_path / "state.parquet"))
    laws.assert_same_rows(
        rows_of(restored, BARS.iloc[500:600]), batch(slice(500, 600)), "after a restart"
    )


def test_volume_may_be_none_and_times_naive() -> None:
    config = FeaturesConfig(features=["volume_zscore", "time_of_day"])
    bar = BARS.iloc[0].to_dict() | {"volume": None}
    for name in ("open_time", "close_time", "session_open", "session_close"):
        bar[name] = bar[name].tz_convert(None).to_pydatetime()
    row = FeatureStream(config).update(bar)
    assert list(row) == list(config.columns)
    assert np.isnan(row["volume_zscore_100"])
    assert row["time_of_day_sin_1"] == features.run(config, BARS)["time_of_day_sin_1"][0]


def test_mistakes_are_named() -> None:
    stream = FeatureStream(EVERYTHING)
    stream.update(BARS.iloc[1].to_dict())
    for row in (0, 1):
        with pytest.raises(SchemaError, match="follow"):
            stream.update(BARS.iloc[row].to_dict())
    with pytest.raises(SchemaError, match=r"test\.B"):
        stream.update(BARS.iloc[2].to_dict() | {"instrument": "test.B"})
    with pytest.raises(ConfigError, match="other features"):
        FeatureStream.restore(FeaturesConfig(features=["gap"]), stream.state)
    for name in BESIDE:
        with pytest.raises(ConfigError, match="cannot be streamed: reference"):
            FeatureStream(FeaturesConfig(features=[name]))


def test_no_features_make_an_empty_row() -> None:
    stream = FeatureStream(FeaturesConfig(features=[]))
    assert [stream.update(bar) for bar in BARS.iloc[:3].to_dict("records")] == [{}] * 3
