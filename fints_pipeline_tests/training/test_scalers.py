"""The scaler: fitted on its span alone, refused before it, undone exactly."""

import numpy as np
import pytest

from fints_pipeline.base.errors import LookAheadError, SchemaError
from fints_pipeline.training.scalers import StandardScaler

TIMES = np.datetime64("2024-01-01T00:00", "us") + np.arange(60) * np.timedelta64(5, "m")
COLUMNS = ("a", "b")


def values() -> np.ndarray:
    x = np.random.default_rng(0).normal([3, -1], [2, 0.1], (60, 2))
    x[0, 0] = np.nan
    return x


def fitted(x: np.ndarray, last: int = 40, **options: tuple[str, ...]) -> StandardScaler:
    return StandardScaler.fit(x[10:last], TIMES[10:last], COLUMNS, clip=8, **options)


def test_law_5_later_rows_do_not_move_the_fit() -> None:
    x = values()
    shocked = x.copy()
    shocked[40:] = 1e6
    assert fitted(x) == fitted(shocked)
    shocked[39] = 1e6
    assert fitted(x) != fitted(shocked)


def test_the_span_is_standardised_and_undone() -> None:
    x = values()
    scaler = fitted(x)
    scaled = scaler.apply(x[10:], TIMES[10:])
    np.testing.assert_allclose(scaled[:30].mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(scaled[:30].std(axis=0), 1)
    np.testing.assert_allclose(scaler.undo(scaled[:, 1], "b"), x[10:, 1])


def test_rows_before_the_span_are_refused() -> None:
    x = values()
    with pytest.raises(LookAheadError, match="before the span"):
        fitted(x).apply(x[9:], TIMES[9:])


def test_an_uncentred_column_keeps_its_mean_and_sign() -> None:
    x = values()
    scaled = fitted(x, uncentred=("a",)).apply(x[10:], TIMES[10:])
    assert scaled[:, 0].mean() > 0.5
    assert (np.sign(scaled[:, 0]) == np.sign(x[10:, 0])).all()


def test_outliers_are_clipped_and_missing_values_stay() -> None:
    x = values()
    x[50] = [np.nan, 1e9]
    scaled = fitted(x).apply(x[10:], TIMES[10:])
    assert np.isnan(scaled[40, 0])
    assert scaled[40, 1] == 8


def test_constant_and_empty_columns() -> None:
    x = values()
    x[:, 0] = 5
    np.testing.assert_array_equal(fitted(x).apply(x[10:], TIMES[10:])[:, 0], 0)
    x[:, 0] = np.nan
    with pytest.raises(SchemaError, match="'a' holds no value"):
        fitted(x)
