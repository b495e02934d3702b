"""Parkinson, Garman–Klass, Rogers–Satchell and Yang–Zhang against pandas and a Brownian path."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.features import FeaturesConfig, run
from fints_pipeline.features.bars import Bars
from fints_pipeline.features.garman_klass_volatility import GarmanKlassVolatility
from fints_pipeline.features.parkinson_volatility import ParkinsonVolatility
from fints_pipeline.features.rogers_satchell_volatility import RogersSatchellVolatility
from fints_pipeline.features.yang_zhang_volatility import YangZhangVolatility
from fints_pipeline_tests.hand import hand_bars
from fints_pipeline_tests.strategies import random_bars

N = 12
KINDS = [
    ParkinsonVolatility,
    GarmanKlassVolatility,
    RogersSatchellVolatility,
    YangZhangVolatility,
]


def in_pandas(bars: pd.DataFrame, n: int) -> dict[str, pd.Series]:
    """The formulas as their papers print them."""
    prices = bars[["open", "high", "low", "close"]].mul(bars["split_factor"], axis=0)
    log = np.log(prices)
    o, h, low, c = (log[name] for name in prices)
    parkinson = (h - low) ** 2 / (4 * np.log(2))
    garman_klass = 0.5 * (h - low) ** 2 - (2 * np.log(2) - 1) * (c - o) ** 2
    rogers_satchell = (h - c) * (h - o) + (low - c) * (low - o)
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    step = (o - c.shift()).rolling(n).var()
    body = (c - o).rolling(n).var()
    yang_zhang = step + k * body + (1 - k) * rogers_satchell.rolling(n).mean()
    return {
        f"parkinson_volatility_{n}": np.sqrt(parkinson.rolling(n).mean()),
        f"garman_klass_volatility_{n}": np.sqrt(garman_klass.rolling(n).mean()),
        f"rogers_satchell_volatility_{n}": np.sqrt(rogers_satchell.rolling(n).mean().clip(0)),
        f"yang_zhang_volatility_{n}": np.sqrt(yang_zhang),
    }


@pytest.mark.parametrize("kind", KINDS)
def test_equal_to_their_pandas_twins(kind: type) -> None:
    bars = random_bars(400, 5, splits=0.2)
    feature = kind(window=N)
    (column,) = feature.columns
    got = feature.compute(Bars(bars))[column]
    np.testing.assert_allclose(got, in_pandas(bars, N)[column], rtol=1e-7, atol=1e-10)


def test_by_hand() -> None:
    """One bar from e to e² and back to the middle."""
    e = np.e
    bars = Bars(hand_bars([(e, e**2, e, e**1.5)]))
    parkinson = ParkinsonVolatility(window=1).compute(bars)["parkinson_volatility_1"]
    np.testing.assert_allclose(parkinson, np.sqrt(1 / (4 * np.log(2))))
    garman_klass = GarmanKlassVolatility(window=1).compute(bars)["garman_klass_volatility_1"]
    np.testing.assert_allclose(garman_klass, np.sqrt(0.5 - (2 * np.log(2) - 1) * 0.25))
    rogers = RogersSatchellVolatility(window=1).compute(bars)["rogers_satchell_volatility_1"]
    np.testing.assert_allclose(rogers, np.sqrt(0.5))


def test_all_estimate_the_volatility_of_a_brownian_path() -> None:
    """400 bars of 400 steps each, without gaps: σ a bar is 1 %, less what coarse steps hide."""
    rng = np.random.default_rng(1)
    path = np.exp(np.cumsum(rng.normal(0, 0.01 / 20, 400 * 400))).reshape(400, 400)
    before = np.r_[1.0, path[:-1, -1]]
    highs = np.maximum(path.max(axis=1), before)
    lows = np.minimum(path.min(axis=1), before)
    bars = hand_bars(list(zip(before, highs, lows, path[:, -1], strict=True)))
    config = FeaturesConfig(features=tuple(kind(window=400) for kind in KINDS[:3]))
    last = run(config, bars).iloc[-1][list(config.columns)].astype(float)
    assert last.between(0.0090, 0.0104).all(), last


def test_a_market_without_range_is_calm() -> None:
    bars = Bars(hand_bars([(5.0, 5.0, 5.0, 5.0)] * 6))
    for kind in KINDS:
        feature = kind(window=3)
        assert (feature.compute(bars)[feature.columns[0]][feature.lookback :] == 0.0).all()
