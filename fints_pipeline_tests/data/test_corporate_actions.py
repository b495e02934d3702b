from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.data.corporate_actions import split_factor
from fints_pipeline.data.versions import Versions
from fints_pipeline_tests.data.raw import actions, no_actions

K = "2020-01-01"


def days(*values: str) -> np.ndarray:
    return np.array(values, dtype="datetime64[us]")


def test_counts_from_the_ex_date_on():
    table = actions(
        [("x.A", "2024-06-10", "split", 2.0, K), ("x.A", "2024-06-12", "split", 0.1, K)]
    )
    factor = split_factor(
        table, "x.A", days("2024-06-09", "2024-06-10", "2024-06-11", "2024-06-12")
    )
    np.testing.assert_array_equal(factor, [1.0, 2.0, 2.0, 0.2])


def test_dividends_and_other_instruments_do_not_count():
    table = actions(
        [("x.A", "2024-06-10", "dividend", 2.0, K), ("x.B", "2024-06-10", "split", 3.0, K)]
    )
    np.testing.assert_array_equal(split_factor(table, "x.A", days("2024-06-11")), [1.0])
    np.testing.assert_array_equal(split_factor(no_actions(), "x.A", days("2024-06-11")), [1.0])


RESTATED = actions(
    [
        ("x.A", "2024-06-10", "split", 2.0, "2024-06-12"),
        ("x.A", "2024-06-10", "split", 30.0, "2024-06-11"),
        ("x.A", "2024-06-10", "split", 20.0, "2024-06-11"),
        ("x.A", "2024-06-10", "split", 2.0, "2024-06-12"),
        ("x.A", "2024-06-10", "split", 4.0, "2024-06-14"),
    ]
)


@pytest.mark.parametrize(
    ("versions", "as_of", "factor"),
    [
        ("first_known", None, 20.0),
        ("latest", None, 4.0),
        ("latest", "2024-06-13", 2.0),
        ("first_known", "2024-06-13", 2.0),
        ("latest", "2024-01-01", 20.0),
    ],
)
def test_a_restated_split_counts_once_in_the_version_asked_for(
    versions: Versions, as_of: str | None, factor: float
):
    moment = None if as_of is None else datetime.fromisoformat(as_of).replace(tzinfo=UTC)
    found = split_factor(RESTATED, "x.A", days("2024-06-10"), moment, versions)
    np.testing.assert_array_equal(found, [factor])


def test_the_first_known_version_is_the_default():
    np.testing.assert_array_equal(split_factor(RESTATED, "x.A", days("2024-06-10")), [20.0])


@pytest.mark.parametrize("ratio", [0.0, -2.0, np.nan, np.inf])
def test_a_ratio_that_is_no_ratio_is_refused(ratio: float):
    table = actions([("x.A", "2024-06-10", "split", ratio, K)])
    with pytest.raises(SchemaError, match=r"x\.A, ex-date 2024-06-10"):
        split_factor(table, "x.A", days("2024-06-11"))


@given(st.lists(st.tuples(st.integers(0, 60), st.sampled_from([2.0, 3.0, 0.5, 1.5])), max_size=8))
def test_equals_the_product_over_past_splits(splits: list[tuple[int, float]]):
    start = np.datetime64("2024-01-01", "D")
    by_day = dict(splits)
    table = actions([("x.A", str(start + day), "split", ratio, K) for day, ratio in by_day.items()])
    sessions = start + np.arange(62)
    slow = [np.prod([r for d, r in sorted(by_day.items()) if d <= day]) for day in range(62)]
    np.testing.assert_allclose(split_factor(table, "x.A", sessions), slow, rtol=1e-15)
