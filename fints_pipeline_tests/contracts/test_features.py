"""Every file in features/ is put through the laws; a new one is found by itself."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline import features
from fints_pipeline.base.components import available, load_component
from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.rolling import FloatArray
from fints_pipeline.features import Feature, FeaturesConfig, FeatureStream
from fints_pipeline.features.bars import Bars
from fints_pipeline.schemas.contract import TableContract
from fints_pipeline.schemas.features import features_contract
from fints_pipeline_tests.contracts import laws
from fints_pipeline_tests.contracts.parameters import components
from fints_pipeline_tests.strategies import FIRST_SESSION, bars_frames, random_bars

PACKAGE = "fints_pipeline.features"
NAMES = available(PACKAGE, Feature)
# Rows beyond the warm-up that a drawn frame may have.
BEYOND = 40

every_feature = pytest.mark.parametrize("name", NAMES)


def kind_of(name: str) -> type[Feature]:
    return type(load_component(PACKAGE, Feature, {"name": name}))


def of(feature: Feature) -> laws.Compute:
    config = FeaturesConfig(features=(feature,))
    return lambda bars: features.run(config, bars, beside(feature, bars))


def beside(feature: Feature, bars: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Exogenous frames, and counts of news on some of the bars, each a function of its close."""
    frames = {source: readings() for source in feature.sources}
    if feature.news:
        close = bars["close_time"].astype("datetime64[us, UTC]")
        minute = close.astype("int64").to_numpy() // 60_000_000
        counts = pd.DataFrame({"close_time": close}).assign(
            reference_count=minute % 11, reference_leaning=(minute % 7 - 3) / 3
        )
        counts["reference_positive"] = counts["reference_negative"] = minute % 3
        frames["news_bars"] = counts[minute % 5 > 0]
    return frames


def readings() -> pd.DataFrame:
    """An exogenous frame: readings at odd times around the drawn bars, of which some are null."""
    rng = np.random.default_rng(7)
    times = FIRST_SESSION + np.cumsum(rng.integers(1, 4 * 3600, 400)).astype("timedelta64[s]")
    value = np.where(rng.random(400) < 0.1, np.nan, rng.normal(size=400))
    known_at = pd.DatetimeIndex(times.astype("datetime64[us]"), tz="UTC")
    period_end = known_at - pd.to_timedelta(rng.integers(0, 5, 400), unit="h")
    return pd.DataFrame({"period_end": period_end, "known_at": known_at, "value": value})


def drawn(data: st.DataObject, name: str) -> tuple[Feature, pd.DataFrame]:
    feature = data.draw(components(kind_of(name)))
    assert isinstance(feature, Feature)
    rows = feature.lookback + BEYOND * (1 + feature.lookback_sessions)
    return feature, data.draw(bars_frames(max_size=min(rows, 300)))


def test_every_family_is_found() -> None:
    assert len(NAMES) >= 27


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
    sessions = feature.lookback_sessions
    laws.check_partition(of(feature), bars, cuts, feature.lookback, lookback_sessions=sessions)


@every_feature
@settings(max_examples=6)
@given(data=st.data())
def test_one_bar_at_a_time_equals_the_batch(name: str, data: st.DataObject) -> None:
    feature, bars = drawn(data, name)
    config = FeaturesConfig(features=(feature,))
    if feature.sources or feature.news:
        with pytest.raises(ConfigError, match="streamed"):
            FeatureStream(config)
        return
    cuts = data.draw(st.lists(st.integers(1, len(bars)), max_size=2))

    def restore(state: pa.Table) -> FeatureStream:
        return FeatureStream.restore(config, state)

    laws.check_streaming(FeatureStream(config), of(feature), bars, cuts, restore)


@every_feature
@settings(max_examples=10)
@given(data=st.data())
def test_inputs_stay_and_columns_are_as_declared(name: str, data: st.DataObject) -> None:
    feature, bars = drawn(data, name)
    laws.check_inputs_unchanged(of(feature), bars)
    arrays = arrays_of(feature, bars)
    computed = feature.compute(arrays)
    assert_derived_arrays_are_untouched(arrays, Bars(bars))
    assert tuple(computed) == feature.columns
    for column in computed.values():
        assert column.dtype == np.float64
        assert column.shape == (len(bars),)
        assert not np.isinf(column).any()


@every_feature
@settings(max_examples=10)
@given(data=st.data())
def test_warm_up_ends_with_the_lookback(name: str, data: st.DataObject) -> None:
    """With volume in every bar and a clock that is known, only warm-up rows are NaN.

    Where sessions count, each has to have every slot.
    """
    feature = data.draw(components(kind_of(name)))
    assert isinstance(feature, Feature)
    if feature.sources or feature.news:
        return
    warm_up = feature.lookback + 24 * feature.lookback_sessions
    bars = data.draw(bars_frames(min_size=warm_up + 1, max_size=warm_up + BEYOND))
    if feature.lookback_sessions:
        bars = random_bars(len(bars), 3, continuous=True, minutes=60, missing=0.0)
    bars = bars.assign(volume=1.0)
    for column in feature.compute(Bars(bars)).values():
        assert not np.isnan(column[warm_up:]).any()


@every_feature
def test_no_bars_make_no_rows(name: str) -> None:
    feature = kind_of(name)()
    empty = laws.random_bars(1).iloc[:0]
    table = pd.DataFrame(of(feature)(empty))
    assert len(table) == 0
    assert table.columns[-1] == feature.columns[-1]


@every_feature
def test_the_docstring_says_what_one_needs(name: str) -> None:
    doc = kind_of(name).__doc__ or ""
    assert "Causal:" in doc
    assert "Warm-up:" in doc
    assert "Source:" in doc
    assert re.search(r"[=:(]", doc)


@every_feature
@given(data=st.data())
def test_every_column_has_a_unit_and_a_line_that_says_what_it_is(
    name: str, data: st.DataObject
) -> None:
    feature = data.draw(components(kind_of(name)))
    assert isinstance(feature, Feature)
    assert len(feature.units) == len(feature.columns)
    config = FeaturesConfig(features=(feature,))
    described = {column: text for column, _, text, _ in contract_of(config).describe()}
    for column, unit in zip(feature.columns, feature.units, strict=True):
        assert unit.strip()
        assert len(feature.summary) > 20
        assert described[column] == f"{feature.summary} [{unit}]"


def contract_of(config: FeaturesConfig) -> TableContract:
    return features_contract(config.columns, config.described)


def arrays_of(feature: Feature, bars: pd.DataFrame) -> Bars:
    return Bars(bars, beside(feature, bars))


def assert_derived_arrays_are_untouched(used: Bars, fresh: Bars) -> None:
    """No feature wrote into an array that others read after it."""
    for name, value in vars(used).items():
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(value, getattr(fresh, name), err_msg=name)


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

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        return {"planted": np.append(bars.close[1:], np.nan)[: len(bars)]}


class WholeMean(Planted):
    """Knows the mean of the whole frame."""

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        return {"planted": bars.close - bars.close.mean()}


class RunningSum(Planted):
    """Causal, but what it returns depends on where the frame begins."""

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        return {"planted": pd.Series(bars.close).rolling(3).mean().to_numpy()}


class ShortLookback(Planted):
    """Uses three bars before row t, and declares two."""

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        return {"planted": pd.Series(bars.close).shift(3).to_numpy()}


class Scribbler(Planted):
    """Writes into an array that others read after it."""

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        bars.close[0] = 0.0
        return {"planted": bars.close}


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
    arrays = Bars(BARS)
    Scribbler().compute(arrays)
    with pytest.raises(AssertionError):
        assert_derived_arrays_are_untouched(arrays, Bars(BARS))


def test_modules_without_a_feature_are_not_named() -> None:
    assert not {"base", "bars", "config", "stage", "stream", "partition"} & set(NAMES)
