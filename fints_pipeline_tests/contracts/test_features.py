"""Every file in features/ is put through the laws; a new one is found by itself."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline import features
from fints_pipeline.base.components import available, load_component
from fints_pipeline.base.rolling import FloatArray
from fints_pipeline.features import Feature, FeaturesConfig
from fints_pipeline_tests.contracts import laws
from fints_pipeline_tests.contracts.parameters import components
from fints_pipeline_tests.strategies import bars_frames

PACKAGE = "fints_pipeline.features"
NAMES = available(PACKAGE, Feature)
# Rows beyond the warm-up that a drawn frame may have.
BEYOND = 40

every_feature = pytest.mark.parametrize("name", NAMES)


def kind_of(name: str) -> type[Feature]:
    return type(load_component(PACKAGE, Feature, {"name": name}))


def of(feature: Feature) -> laws.Compute:
    config = FeaturesConfig(features=(feature,))
    return lambda bars: features.run(config, bars)


def drawn(data: st.DataObject, name: str) -> tuple[Feature, pd.DataFrame]:
    feature = data.draw(components(kind_of(name)))
    assert isinstance(feature, Feature)
    return feature, data.draw(bars_frames(max_size=feature.lookback + BEYOND))


def test_every_family_is_found() -> None:
    assert len(NAMES) >= 12


@every_feature
@settings(max_examples=15)
@given(data=st.data())
def test_prefix(name: str, data: st.DataObject) -> None:
    feature, bars = drawn(data, name)
    laws.check_prefix(of(feature), bars, data.draw(st.integers(1, len(bars))))


@every_feature
@settings(max_examples=15)
@given(data=st.data())
def test_future_shock(name: str, data: st.DataObject) -> None:
    feature, bars = drawn(data, name)
    cut = data.draw(st.integers(0, len(bars)))
    laws.check_future_shock(of(feature), bars, cut, data.draw(st.integers(0, 2**31)))


@every_feature
@settings(max_examples=15)
@given(data=st.data())
def test_partitions_equal_the_whole(name: str, data: st.DataObject) -> None:
    feature, bars = drawn(data, name)
    cuts = data.draw(st.lists(st.integers(0, len(bars)), max_size=3))
    laws.check_partition(of(feature), bars, cuts, feature.lookback)


@every_feature
@settings(max_examples=10)
@given(data=st.data())
def test_inputs_stay_and_columns_are_as_declared(name: str, data: st.DataObject) -> None:
    feature, bars = drawn(data, name)
    laws.check_inputs_unchanged(of(feature), bars)
    computed = feature.compute(bars)
    assert tuple(computed) == feature.columns
    for column in computed.values():
        assert column.dtype == np.float64
        assert column.shape == (len(bars),)
        assert not np.isinf(column).any()


@every_feature
@settings(max_examples=10)
@given(data=st.data())
def test_warm_up_ends_with_the_lookback(name: str, data: st.DataObject) -> None:
    """With volume in every bar and a clock that is known, only warm-up rows are NaN."""
    feature = data.draw(components(kind_of(name)))
    assert isinstance(feature, Feature)
    bars = data.draw(bars_frames(min_size=feature.lookback + 1, max_size=feature.lookback + BEYOND))
    bars = bars.assign(volume=1.0)
    for column in feature.compute(bars).values():
        assert not np.isnan(column[feature.lookback :]).any()


@every_feature
def test_no_bars_make_no_rows(name: str) -> None:
    feature = kind_of(name)()
    empty = laws.random_bars(1).iloc[:0]
    table = features.run(FeaturesConfig(features=(feature,)), empty)
    assert len(table) == 0
    assert table.columns[-1] == feature.columns[-1]


@every_feature
def test_the_docstring_says_what_one_needs(name: str) -> None:
    doc = kind_of(name).__doc__ or ""
    assert "Causal:" in doc
    assert "Warm-up:" in doc
    assert "Source:" in doc
    assert re.search(r"[=:(]", doc)


# The laws themselves: each must catch a feature that breaks it.


class Planted(Feature):
    """Base of features that break a law."""

    @property
    def lookback(self) -> int:
        return 2

    @property
    def columns(self) -> tuple[str, ...]:
        return ("planted",)


class Peek(Planted):
    """Looks one bar ahead."""

    def compute(self, bars: pd.DataFrame) -> dict[str, FloatArray]:
        return {"planted": bars["close"].shift(-1).to_numpy()}


class WholeMean(Planted):
    """Knows the mean of the whole frame."""

    def compute(self, bars: pd.DataFrame) -> dict[str, FloatArray]:
        return {"planted": (bars["close"] - bars["close"].mean()).to_numpy()}


class RunningSum(Planted):
    """Causal, but what it returns depends on where the frame begins."""

    def compute(self, bars: pd.DataFrame) -> dict[str, FloatArray]:
        return {"planted": bars["close"].rolling(3).mean().to_numpy()}


class ShortLookback(Planted):
    """Uses three bars before row t, and declares two."""

    def compute(self, bars: pd.DataFrame) -> dict[str, FloatArray]:
        return {"planted": bars["close"].shift(3).to_numpy()}


class Scribbler(Planted):
    """Writes into its input."""

    def compute(self, bars: pd.DataFrame) -> dict[str, FloatArray]:
        bars.loc[bars.index[0], "close"] = 0.0
        return {"planted": bars["close"].to_numpy()}


BARS = laws.random_bars(60, 5, tick=0.1)


@pytest.mark.parametrize("feature", [Peek(), WholeMean()])
def test_look_ahead_is_caught(feature: Feature) -> None:
    with pytest.raises(AssertionError, match="prefix"):
        laws.check_prefix(of(feature), BARS, 30)
    with pytest.raises(AssertionError, match="shock"):
        laws.check_future_shock(of(feature), BARS, 30, seed=1)


@pytest.mark.parametrize("feature", [RunningSum(), ShortLookback()])
def test_dependence_on_the_start_is_caught(feature: Feature) -> None:
    laws.check_prefix(of(feature), BARS, 30)
    laws.check_future_shock(of(feature), BARS, 30, seed=1)
    with pytest.raises(AssertionError, match="partition"):
        laws.check_partition(of(feature), BARS, [20, 35], feature.lookback)


def test_a_changed_input_is_caught() -> None:
    with pytest.raises(AssertionError):
        laws.check_inputs_unchanged(of(Scribbler()), BARS.copy())


def test_modules_without_a_feature_are_not_named() -> None:
    assert not {"base", "config", "stage", "partition"} & set(NAMES)
