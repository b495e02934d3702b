from __future__ import annotations

import pandas as pd
import pytest

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.base.series import check_one_series, refuse_duplicates
from fints_pipeline_tests.strategies import random_bars


def test_one_series_in_order_passes() -> None:
    check_one_series(random_bars(20))
    check_one_series(random_bars(1))
    check_one_series(random_bars(1).iloc[:0])


def test_two_instruments_are_refused() -> None:
    both = pd.concat([random_bars(3), random_bars(3, instrument="test.BBB")])
    with pytest.raises(SchemaError, match="2 instruments"):
        check_one_series(both)


@pytest.mark.parametrize("order", [[0, 2, 1], [0, 1, 1]])
def test_disorder_is_refused_and_located(order: list[int]) -> None:
    with pytest.raises(SchemaError, match="row 2"):
        check_one_series(random_bars(3, missing=0.0).iloc[order])


def test_a_column_named_twice_is_refused() -> None:
    refuse_duplicates(["a", "b"])
    with pytest.raises(ValueError, match="column b"):
        refuse_duplicates(["a", "b", "b"])
