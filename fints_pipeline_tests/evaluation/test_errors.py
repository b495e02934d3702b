"""Errors by hand, with what happens at zero returns said."""

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.evaluation.errors import error_metrics, naive_error


def table(expected, label, naive=1.0) -> pd.DataFrame:
    return pd.DataFrame({"expected_return": expected, "label": label, "naive_error": naive})


def test_errors_by_hand():
    found = error_metrics(table([1.0, 2.0, -1.0, np.nan], [2.0, 0.0, -2.0, 5.0], naive=2.0))
    assert found["rmse"] == pytest.approx(np.sqrt((1 + 4 + 1) / 3))
    assert found["rmse_ratio"] == pytest.approx(np.sqrt(6 / 8))
    assert found["mae"] == pytest.approx(4 / 3)
    assert found["mase"] == pytest.approx(2 / 3)


def test_a_return_of_zero_has_no_relative_error():
    found = error_metrics(table([1.0, 2.0, -1.0], [2.0, 0.0, -2.0]))
    assert found["mape"] == pytest.approx(0.5)
    assert found["mape_rows"] == 2
    alone = error_metrics(table([1.0], [0.0]))
    assert np.isnan(alone["mape"])
    assert alone["mape_rows"] == 0
    assert np.isnan(alone["rmse_ratio"])


def test_the_scale_of_mase_is_each_rows_own():
    assert error_metrics(table([0.0, 0.0], [1.0, 10.0], [1.0, 10.0]))["mase"] == 1.0
    assert error_metrics(table([0.0, 0.0], [1.0, 9.0], [1.0, np.nan]))["mase"] == 1.0


def test_models_without_a_return_have_no_errors():
    assert error_metrics(table([np.nan], [1.0])) == {}


def test_naive_error_by_hand():
    assert naive_error(np.array([1.0, 2.0, 4.0, np.nan, 3.0]), 2) == pytest.approx((3 + 1) / 2)
    assert np.isnan(naive_error(np.array([1.0]), 1))
