"""Every scaler: fitted on its span alone, refused before it, saved and restored as JSON."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd
import pytest
from pydantic import TypeAdapter
from scipy.stats import iqr, median_abs_deviation, norm, rankdata

from fints_pipeline import train
from fints_pipeline.base.errors import LookAheadError, SchemaError
from fints_pipeline.base.lake import Lake, fold_key
from fints_pipeline.training.scalers import (
    SCALERS,
    QuantileNormalScaler,
    RobustScaler,
    RollingScaler,
    Scaler,
    SpanScaler,
)
from fints_pipeline.training.tracking import NullTracker
from fints_pipeline_tests.training import toy

ROWS = 600
TIMES = np.datetime64("2024-01-01T00:00", "us") + np.arange(ROWS) * np.timedelta64(5, "m")
COLUMNS = ("far_tails", "skewed")
Fit = Callable[..., SpanScaler]
KINDS: dict[str, Fit] = {
    **{name: kind.fit for name, kind in SCALERS.items()},
    "rolling": partial(RollingScaler.fit, window=50),
}
every_kind = pytest.mark.parametrize("fit", KINDS.values(), ids=list(KINDS))
every_undoable = pytest.mark.parametrize("kind", SCALERS.values(), ids=list(SCALERS))


def values() -> np.ndarray:
    rng = np.random.default_rng(0)
    return np.column_stack([0.3 + rng.standard_t(2, ROWS), rng.exponential(5, ROWS)])


def fitted(fit: Fit, x: np.ndarray, **options: tuple[str, ...]) -> SpanScaler:
    return fit(x[100:500], TIMES[100:500], COLUMNS, clip=8.0, **options)


@every_kind
def test_law_5_later_rows_do_not_move_the_fit(fit: Fit) -> None:
    x = values()
    shocked = x.copy()
    shocked[500:] = 1e6
    assert fitted(fit, x) == fitted(fit, shocked)
    got = fitted(fit, x).apply(x[100:500], TIMES[100:500])
    np.testing.assert_array_equal(got, fitted(fit, shocked).apply(shocked[100:], TIMES[100:])[:400])


@every_kind
def test_rows_before_the_span_are_refused(fit: Fit) -> None:
    x = values()
    with pytest.raises(LookAheadError, match="before the span"):
        fitted(fit, x).apply(x[99:], TIMES[99:])


@every_kind
def test_saved_and_restored(fit: Fit) -> None:
    x = values()
    scaler = fitted(fit, x)
    restored = type(scaler).model_validate_json(scaler.model_dump_json())
    assert restored == scaler
    if not isinstance(scaler, RollingScaler):
        assert TypeAdapter(Scaler).validate_json(scaler.model_dump_json()) == scaler


@every_kind
def test_missing_values_stay_and_far_ones_are_clipped(fit: Fit) -> None:
    x = values()
    x[300, 0], x[550, 1] = np.nan, 1e9
    scaled = fitted(fit, x).apply(x[100:], TIMES[100:])
    assert np.isnan(scaled[200, 0])
    assert 2 < scaled[450, 1] <= 8
    x[100:500, 0] = np.nan
    with pytest.raises(SchemaError, match="far_tails"):
        fitted(fit, x)


@every_kind
def test_a_constant_column_has_no_scale(fit: Fit) -> None:
    x = values()
    x[:, 0] = 5.0
    scaled = fitted(fit, x).apply(x[100:], TIMES[100:])[60:, 0]
    np.testing.assert_array_equal(scaled, 0.0)


@every_undoable
def test_undone_within_the_span(kind: type[Scaler]) -> None:
    x = values()
    scaler = kind.fit(x[100:500], TIMES[100:500], COLUMNS, clip=np.inf)
    scaled = scaler.apply(x[100:500], TIMES[100:500])
    restored = scaler.undo(scaled[:, 1], "skewed")
    inside = np.abs(scaled[:, 1]) < 2.5
    np.testing.assert_allclose(restored[inside], x[100:500, 1][inside], atol=1e-9)


@every_undoable
def test_an_uncentred_column_keeps_zero_and_its_signs(kind: type[Scaler]) -> None:
    x = values()
    scaler = fitted(kind.fit, x, uncentred=("far_tails",))
    rows = np.vstack([x[100:], [[0.0, 0.0]]])
    scaled = scaler.apply(rows, np.r_[TIMES[100:], TIMES[-1:]])[:, 0]
    np.testing.assert_allclose(scaled[-1], 0.0, atol=1e-12)
    assert (np.sign(scaled[:-1]) == np.sign(x[100:, 0])).all()


def test_robust_equals_scipy() -> None:
    x = values()
    scaler = fitted(RobustScaler.fit, x)
    span = x[100:500]
    np.testing.assert_allclose(scaler.mean, np.median(span, axis=0))
    np.testing.assert_allclose(scaler.scale, iqr(span, axis=0, scale="normal"))
    about_zero = fitted(RobustScaler.fit, x, uncentred=COLUMNS).scale
    expected = median_abs_deviation(span, axis=0, center=lambda a, axis: 0.0, scale="normal")
    np.testing.assert_allclose(about_zero, expected)


def test_robust_falls_back_where_most_values_agree() -> None:
    x = np.zeros((ROWS, 2))
    x[::10] = 3.0
    scaler = fitted(RobustScaler.fit, x)
    np.testing.assert_allclose(scaler.scale, np.sqrt(0.1) * 3.0)


def test_quantile_normal_gives_normal_scores_of_ranks() -> None:
    x = values()
    scaled = fitted(QuantileNormalScaler.fit, x).apply(x[100:500], TIMES[100:500])
    expected = norm.ppf((rankdata(x[100:500], axis=0) - 0.5) / 400)
    middle = np.abs(expected) < 2
    np.testing.assert_allclose(scaled[middle], expected[middle], atol=0.06)
    assert np.abs(scaled).max() < 3


def test_quantile_normal_gives_ties_the_middle_of_their_ranks() -> None:
    x = np.repeat([[0.0, 1.0], [1.0, 2.0]], ROWS // 2, axis=0)
    scaled = fitted(QuantileNormalScaler.fit, x).apply(x[100:], TIMES[100:])
    assert scaled[0, 0] < -0.5 < 0.5 < scaled[-1, 0]
    np.testing.assert_allclose(scaled[:, 0], scaled[:, 1])


def test_rolling_equals_pandas_and_does_not_see_ahead() -> None:
    x = values()
    x[300, 0] = np.nan
    scaler = fitted(KINDS["rolling"], x)
    got = scaler.apply(x[100:], TIMES[100:])
    rolling = pd.DataFrame(x[100:]).rolling(50)
    expected = ((pd.DataFrame(x[100:]) - rolling.mean()) / rolling.std()).clip(-8, 8)
    np.testing.assert_allclose(got, expected, atol=1e-9)
    prefix = scaler.apply(x[100:400], TIMES[100:400])
    np.testing.assert_allclose(got[:300], prefix, atol=1e-12)
    assert np.isnan(scaler.apply(x[100:120], TIMES[100:120])).all()


@pytest.mark.parametrize("scaler", ["robust", "quantile_normal"])
def test_a_forecaster_is_trained_and_predicts_in_returns(toy_lake: Lake, scaler: str) -> None:
    content = toy.experiment().model_dump(mode="json")
    models = {"patchtst": {**content["models"]["patchtst"], "scaler": scaler}}
    experiment = toy.experiment(models=models)
    fold = train.experiment_folds(toy_lake, experiment)[0]
    train.train_fold(toy_lake, experiment, fold, ("patchtst",), NullTracker())
    frame = toy_lake.read(fold_key("predictions", "toy", fold.key)).to_pandas()
    assert frame["expected_return"].notna().all()
    test = frame.dropna(subset="label")
    assert np.corrcoef(test["expected_return"], test["label"])[0, 1] > 0.2
    assert 0.1 < test["expected_return"].std() / test["label"].std() < 2
