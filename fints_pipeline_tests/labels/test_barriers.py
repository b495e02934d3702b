"""Triple barrier and meta-label, by hand and against a slow twin."""

from __future__ import annotations

import math
from datetime import timedelta

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.labels.meta_label import MetaLabel
from fints_pipeline.labels.triple_barrier import TripleBarrier
from fints_pipeline_tests.hand import Row, hand_bars
from fints_pipeline_tests.strategies import random_bars

# Two bars make σ = 1 % a bar at row 2; the trade of row 2 enters at row 3's open.
START: list[Row] = [(100, 100, 100, 100), (100, 101, 100, 100 * math.exp(0.01))]
START += [(100, 101, 99, 100.0)]
BARRIER = 100 * math.exp(0.01 * math.sqrt(2))
LOWER = 100 * math.exp(-0.01 * math.sqrt(2))
CALM: Row = (100, 100.1, 99.9, 100)


def triple(path: list[Row], **parameters: object) -> tuple[float, pd.Timestamp, pd.DataFrame]:
    bars = hand_bars([*START, *path])
    value, end = TripleBarrier(horizon=2, window=2).compute(bars)
    return value[2], pd.Timestamp(end[2]), bars


@pytest.mark.parametrize(
    ("path", "value", "row", "at"),
    [
        ([CALM, CALM, CALM], 0, 5, "open_time"),
        ([(100, BARRIER + 0.01, 99.9, 100), CALM, CALM], 1, 3, "close_time"),
        ([CALM, (100, 100.1, LOWER - 0.01, 100), CALM], -1, 4, "close_time"),
        ([(100, BARRIER + 1, LOWER - 1, 100), CALM, CALM], -1, 3, "close_time"),
        ([CALM, (BARRIER + 1, BARRIER + 1, LOWER - 1, 100), CALM], 1, 4, "close_time"),
        ([CALM, (LOWER - 1, BARRIER + 1, LOWER - 1, 100), CALM], -1, 4, "close_time"),
        ([CALM, CALM, (BARRIER + 1, BARRIER + 1, 99, 100)], 0, 5, "open_time"),
    ],
    ids=["time", "upper", "lower", "both", "opens above", "opens below", "too late"],
)
def test_paths_by_hand(path: list[Row], value: int, row: int, at: str) -> None:
    got, end, bars = triple(path)
    assert got == value
    assert end.tz_localize("UTC") == bars[at].iloc[row]


def test_no_trade_on_filled_bars() -> None:
    up: Row = (100, BARRIER + 1, 99.9, 100)

    def value(path: list[Row], filled: int) -> float:
        bars = hand_bars([*START, *path], filled=[filled])
        return TripleBarrier(horizon=2, window=2).compute(bars).value[2]

    assert math.isnan(value([CALM, CALM, CALM], 3))
    assert math.isnan(value([CALM, CALM, CALM], 5))
    assert value([CALM, up, CALM], 5) == 1
    assert value([CALM, up, CALM], 4) == 0


def test_a_barrier_is_met_on_a_bar_with_a_stale_open_but_no_trade_begins_on_one() -> None:
    up: Row = (100, BARRIER + 1, 99.9, 100)

    def value(stale: int) -> float:
        bars = hand_bars([*START, CALM, up, CALM], stale_opens=[stale])
        return TripleBarrier(horizon=2, window=2).compute(bars).value[2]

    assert math.isnan(value(3))
    assert value(4) == 1


def test_a_market_that_stood_still_has_no_barriers() -> None:
    value, _ = TripleBarrier(horizon=1, window=2).compute(hand_bars([(5, 5, 5, 5)] * 8))
    assert np.isnan(value).all()


def slow(bars: pd.DataFrame, side: np.ndarray, label: MetaLabel) -> list[float]:
    """The obvious twin of the meta-label: prices, not logarithms, and one trade after the other."""
    price = bars[["open", "high", "low", "close"]].mul(bars["split_factor"], axis=0)
    returns = np.log(price["close"]).diff()
    sigma = np.sqrt((returns**2).rolling(label.window).mean())
    out = []
    for t in range(len(bars)):
        exit_ = t + 1 + label.horizon
        if exit_ >= len(bars) or not sigma[t] > 0 or side[t] == 0 or np.isnan(side[t]):
            out.append(math.nan)
            continue
        width = sigma[t] * math.sqrt(label.horizon)
        entry = price["open"][t + 1]
        sign = np.sign(side[t])
        target, limit = (
            entry * math.exp(sign * label.profit * width),
            entry * math.exp(-sign * label.stop * width),
        )
        good = price["high"] if sign > 0 else price["low"]
        bad = price["low"] if sign > 0 else price["high"]
        verdict = math.nan if bars["opens_filled"][t + 1] else None
        for i in range(t + 1, exit_):
            if verdict is not None or bars["is_filled"][i]:
                continue
            if sign * price["open"][i] >= sign * target:
                verdict = 1.0
            elif sign * bad[i] <= sign * limit:
                verdict = 0.0
            elif sign * good[i] >= sign * target:
                verdict = 1.0
        if verdict is None:
            gain = sign * math.log(price["open"][exit_] / entry)
            paid = float(gain > label.cost_bps * 1e-4)
            verdict = math.nan if bars["opens_filled"][exit_] else paid
        out.append(verdict)
    return out


def test_meta_label_equals_its_slow_twin() -> None:
    bars = random_bars(500, 8, splits=0.1, filled=0.1)
    rng = np.random.default_rng(0)
    side = rng.choice([-0.3, 0.0, 2.0, math.nan], len(bars))
    label = MetaLabel(side="rule", horizon=6, profit=0.7, stop=0.5, cost_bps=3, window=20)
    got = label.compute(bars.assign(rule=side)).value
    np.testing.assert_array_equal(got, slow(bars, side, label))
    assert set(got[~np.isnan(got)]) == {0.0, 1.0}
    assert label.features == ("rule",)


def test_triple_barrier_is_the_long_side() -> None:
    bars = random_bars(500, 9)
    triple_value, end = TripleBarrier(horizon=6, window=20).compute(bars)
    meta = MetaLabel(side="rule", horizon=6, window=20).compute(bars.assign(rule=1.0))
    np.testing.assert_array_equal(end, meta.end)
    np.testing.assert_array_equal(meta.value[triple_value == 1], 1)
    np.testing.assert_array_equal(meta.value[triple_value == -1], 0)
    shares = pd.Series(triple_value).value_counts(normalize=True)
    assert shares.min() > 0.1


def test_end_lies_within_the_horizon() -> None:
    bars = random_bars(300, 9, missing=0.0, continuous=True)
    _, end = TripleBarrier(horizon=6, window=20).compute(bars)
    length = pd.Series(end).dt.tz_localize("UTC") - bars["close_time"]
    assert length.dropna().between(timedelta(minutes=5), timedelta(minutes=30)).all()


def test_a_side_that_is_not_there_is_named() -> None:
    with pytest.raises(KeyNotFoundError, match="rule"):
        MetaLabel(side="rule").compute(random_bars(5))
