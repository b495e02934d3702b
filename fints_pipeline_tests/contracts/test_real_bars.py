"""The partition and prefix laws on real one-minute bars, with the columns that the project uses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline import features, labels
from fints_pipeline.base.components import available
from fints_pipeline.base.config import load_config
from fints_pipeline.features import Feature, FeaturesConfig, FeatureStream
from fints_pipeline.labels import LabelsConfig
from fints_pipeline_tests.contracts import laws

pytestmark = pytest.mark.shared_data

FIELDS = {"open_time": 0, "open": 1, "high": 2, "low": 3, "close": 4, "volume": 5}


@pytest.fixture(scope="module")
def bars(shared_data: Path) -> pd.DataFrame:
    """Six months of BTCUSDT as the archives have them, without any cleaning."""
    archives = sorted((shared_data / "binance").glob("BTCUSDT-1m-*.zip"))
    columns = list(FIELDS.values())
    names = list(FIELDS)
    raw = pd.concat(
        [pd.read_csv(path, header=None, usecols=columns, names=names) for path in archives]
    )
    open_time = pd.to_datetime(raw["open_time"].to_numpy(), unit="ms", utc=True).as_unit("us")
    day = open_time.normalize()
    return pd.DataFrame(
        {
            "instrument": "binance.BTCUSDT",
            "open_time": open_time,
            "close_time": open_time + pd.Timedelta("1m"),
            "session": day.tz_localize(None),
            "session_open": day,
            "session_close": day + pd.Timedelta("1D"),
            **{name: raw[name].to_numpy(dtype=np.float64) for name in names[1:]},
            "split_factor": 1.0,
            "is_filled": False,
            "is_partial": False,
            "opens_filled": False,
        }
    )


@pytest.fixture(scope="module")
def month_starts(bars: pd.DataFrame) -> list[int]:
    month = bars["session"].dt.month.to_numpy()
    return [int(row) + 1 for row in np.flatnonzero(month[1:] != month[:-1])]


def test_features(bars: pd.DataFrame, month_starts: list[int], project: Path) -> None:
    config = load_config(
        project / "configs" / "data" / "binance.yaml", FeaturesConfig, section="features"
    )

    def compute(rows: pd.DataFrame) -> pd.DataFrame:
        return features.run(config, rows)

    assert len(month_starts) == 5
    laws.check_partition(compute, bars, month_starts, config.lookback)
    laws.check_prefix(compute, bars, month_starts[2] + 12_345)
    laws.check_future_shock(compute, bars, month_starts[-1], seed=1)
    assert not compute(bars).iloc[config.lookback :].isna().any(axis=None)


def test_every_family(bars: pd.DataFrame, month_starts: list[int]) -> None:
    """All that need nothing but bars, with defaults: months equal the whole, so does a stream."""
    outside = {"exogenous", "news"}
    names = [name for name in available("fints_pipeline.features", Feature) if name not in outside]
    config = FeaturesConfig(features=names)

    def compute(rows: pd.DataFrame) -> pd.DataFrame:
        return features.run(config, rows)

    laws.check_partition(
        compute,
        bars,
        month_starts[2:4],
        config.lookback,
        lookback_sessions=config.lookback_sessions,
    )
    laws.check_prefix(compute, bars, month_starts[2] + 12_345)
    whole = compute(bars)
    assert not whole.iloc[22 * 1440 :].isna().any(axis=None)
    stream = FeatureStream(config)
    stream.warm_up(bars.iloc[:40_000])
    streamed = [stream.update(bar) for bar in bars.iloc[40_000:40_100].to_dict("records")]
    laws.assert_same_rows(
        pd.DataFrame(streamed),
        whole.iloc[40_000:40_100][list(config.columns)].reset_index(drop=True),
        "one bar at a time",
    )


def test_labels(bars: pd.DataFrame, month_starts: list[int], project: Path) -> None:
    config = load_config(
        project / "configs" / "data" / "binance.yaml", LabelsConfig, section="labels"
    )

    def compute(rows: pd.DataFrame) -> pd.DataFrame:
        return labels.run(config, rows)

    laws.check_partition(compute, bars, month_starts, config.lookback, config.ahead)
    laws.check_prefix(compute, bars, month_starts[2] + 12_345, config.ahead)
    for column in config.columns[::2]:
        laws.check_known_at_end(compute, bars, column, f"{column}_end", month_starts[-1], seed=1)
    shares = compute(bars)["direction_12"].value_counts(normalize=True)
    assert shares.between(0.15, 0.6).all()
