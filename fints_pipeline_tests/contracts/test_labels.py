"""Every file in labels/ is put through the laws; a new one is found by itself."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline import labels
from fints_pipeline.base.components import available, load_component
from fints_pipeline.labels import Label, Labelled, LabelsConfig
from fints_pipeline.schemas.labels import labels_contract
from fints_pipeline_tests.contracts import laws
from fints_pipeline_tests.contracts.parameters import components
from fints_pipeline_tests.strategies import bars_frames

PACKAGE = "fints_pipeline.labels"
NAMES = available(PACKAGE, Label)
BEYOND = 40

every_label = pytest.mark.parametrize("name", NAMES)


def kind_of(name: str) -> type[Label]:
    return type(load_component(PACKAGE, Label, {"name": name}))


def of(label: Label) -> laws.Compute:
    config = LabelsConfig(labels=(label,))
    return lambda bars: labels.run(config, with_features(label, bars))


def with_features(label: Label, bars: pd.DataFrame) -> pd.DataFrame:
    """Add the feature columns that the label reads, each the bar's own body."""
    return bars.assign(**dict.fromkeys(label.features, bars["close"] - bars["open"]))


def drawn(data: st.DataObject, name: str) -> tuple[Label, pd.DataFrame]:
    label = data.draw(components(kind_of(name)))
    assert isinstance(label, Label)
    return label, data.draw(bars_frames(max_size=label.lookback + label.ahead + BEYOND))


def test_every_label_is_found() -> None:
    assert len(NAMES) >= 6


@every_label
@settings(max_examples=15)
@given(data=st.data())
def test_a_categorical_label_names_its_codes(name: str, data: st.DataObject) -> None:
    label, bars = drawn(data, name)
    codes = list(label.classes)
    assert codes == sorted(codes)
    assert len(set(label.classes.values())) == len(codes)
    if codes:
        values = of(label)(bars)[label.column].dropna()
        assert set(values) <= set(codes)


@every_label
@settings(max_examples=15)
@given(data=st.data())
def test_prefix_but_for_the_tail(name: str, data: st.DataObject) -> None:
    label, bars = drawn(data, name)
    cut = data.draw(st.integers(1, len(bars)))
    laws.check_prefix(of(label), bars, cut, label.ahead)


@every_label
@settings(max_examples=15)
@given(data=st.data())
def test_nothing_after_the_declared_bars_matters(name: str, data: st.DataObject) -> None:
    label, bars = drawn(data, name)
    cut = data.draw(st.integers(0, len(bars)))
    laws.check_future_shock(of(label), bars, cut, data.draw(st.integers(0, 2**31)), label.ahead)


@every_label
@settings(max_examples=30)
@given(data=st.data())
def test_known_at_its_end(name: str, data: st.DataObject) -> None:
    label, bars = drawn(data, name)
    row = data.draw(st.integers(0, len(bars) - 1))
    seed = data.draw(st.integers(0, 2**31))
    laws.check_known_at_end(of(label), bars, label.column, label.end_column, row, seed)


@every_label
@settings(max_examples=15)
@given(data=st.data())
def test_partitions_equal_the_whole(name: str, data: st.DataObject) -> None:
    label, bars = drawn(data, name)
    cuts = data.draw(st.lists(st.integers(0, len(bars)), max_size=3))
    laws.check_partition(of(label), bars, cuts, label.lookback, label.ahead)


@every_label
@settings(max_examples=15)
@given(data=st.data())
def test_shape_and_interval(name: str, data: st.DataObject) -> None:
    label, bars = drawn(data, name)
    laws.check_inputs_unchanged(of(label), bars)
    value, end = label.compute(with_features(label, bars))
    assert value.dtype == np.float64
    assert end.dtype == np.dtype("datetime64[us]")
    assert value.shape == end.shape == (len(bars),)
    assert (np.isnan(value) == np.isnat(end)).all()
    known = ~np.isnat(end)
    assert not known[max(0, len(bars) - label.ahead) :].any()
    close_time = bars["close_time"].dt.tz_localize(None).to_numpy()
    assert (end[known] > close_time[known]).all()


@every_label
def test_no_bars_make_no_rows(name: str) -> None:
    label = kind_of(name)()
    table = pd.DataFrame(of(label)(laws.random_bars(1).iloc[:0]))
    assert len(table) == 0
    assert str(table[label.end_column].dtype) == "datetime64[us, UTC]"


@every_label
def test_the_docstring_says_what_one_needs(name: str) -> None:
    doc = kind_of(name).__doc__ or ""
    assert "Interval" in doc
    assert "ull" in doc
    assert "Source:" in doc


@every_label
def test_the_column_has_a_unit_and_a_line_that_says_what_it_is(name: str) -> None:
    label = kind_of(name)()
    assert (label.UNIT == "class") <= bool(label.classes)
    assert len(label.summary) > 20
    contract = labels_contract([label.column], LabelsConfig(labels=(label,)).described)
    described = {column: text for column, _, text, _ in contract.describe()}
    assert described[label.column] == f"{label.summary} [{label.UNIT}]"


# The laws themselves: each must catch a label that breaks it.


class FartherThanDeclared(Label):
    """Uses one bar more than it says."""

    @property
    def column(self) -> str:
        return "planted"

    def compute(self, bars: pd.DataFrame) -> Labelled:
        value = bars["open"].shift(-self.ahead - 1).to_numpy(copy=True)
        return Labelled(value, _opens(bars, self.ahead + 1))


class EndsTooEarly(FartherThanDeclared):
    """Uses the close of the bar at whose open it says to be known."""

    def compute(self, bars: pd.DataFrame) -> Labelled:
        return Labelled(
            bars["close"].shift(-self.ahead).to_numpy(copy=True), _opens(bars, self.ahead)
        )


def _opens(bars: pd.DataFrame, ahead: int) -> labels.base.TimeArray:
    return bars["open_time"].dt.tz_localize(None).shift(-ahead).to_numpy("datetime64[us]")


BARS = laws.random_bars(60, 5)


def test_too_short_a_horizon_is_caught() -> None:
    label = FartherThanDeclared(horizon=3)
    with pytest.raises(AssertionError, match="shock"):
        laws.check_future_shock(of(label), BARS, 30, 1, label.ahead)
    with pytest.raises(AssertionError, match="prefix"):
        laws.check_prefix(of(label), BARS, 30, label.ahead)
    with pytest.raises(AssertionError, match="partition"):
        laws.check_partition(of(label), BARS, [30], label.lookback, label.ahead)


def test_too_early_an_end_is_caught() -> None:
    label = EndsTooEarly(horizon=3)
    laws.check_future_shock(of(label), BARS, 30, 1, label.ahead)
    with pytest.raises(AssertionError, match="ended by"):
        laws.check_known_at_end(of(label), BARS, label.column, label.end_column, 20, seed=1)
