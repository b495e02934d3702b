"""As-of joins: against a slow twin, and the law that nothing is used before it is known."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.data.exogenous import join

START = datetime(2024, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def stamps(hours: list[int]) -> pd.Series:
    values = pd.Series([START + hour * HOUR for hour in hours], dtype="datetime64[us, UTC]")
    return values.astype("datetime64[us, UTC]")


def series_of(rows: list[tuple[int, int, float]]) -> pd.DataFrame:
    """Return (period end, known at, value) rows, in hours."""
    ends, known, values = zip(*rows, strict=True) if rows else ((), (), ())
    return pd.DataFrame(
        {
            "series": "s",
            "period_end": stamps(list(ends)),
            "known_at": stamps(list(known)),
            "value": np.array(values, dtype=float),
        }
    )


def bars_at(hours: list[int]) -> pd.DataFrame:
    return pd.DataFrame({"close_time": stamps(hours)})


def twin(bars: pd.DataFrame, series: pd.DataFrame, lag: timedelta, age: timedelta | None):
    """Look at every row for every bar, as the docstring of `join` reads."""
    found = []
    for close in bars["close_time"]:
        known = [row for row in series.itertuples() if row.known_at + lag <= close]
        if not known:
            found.append((float("nan"), pd.NaT))
            continue
        latest = max(row.period_end for row in known)
        best = max((r for r in known if r.period_end == latest), key=lambda r: r.known_at)
        is_old = age is not None and close - best.known_at > age
        found.append((float("nan"), pd.NaT) if is_old else (best.value, best.known_at))
    return found


ROWS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 30), st.integers(0, 99)),
    max_size=14,
    unique_by=lambda row: (row[0], row[0] + row[1]),
).map(lambda rows: [(end, end + late, float(value)) for end, late, value in rows])
CLOSES = st.lists(st.integers(-5, 120), max_size=20)
LAGS = st.integers(0, 9).map(lambda hours: hours * HOUR)
AGES = st.none() | st.integers(0, 40).map(lambda hours: hours * HOUR)


@settings(max_examples=80)
@given(rows=ROWS, closes=CLOSES, lag=LAGS, age=AGES)
def test_join_equals_its_slow_twin(rows, closes, lag, age):
    bars, series = bars_at(closes), series_of(rows)
    joined = join(bars, series, lag, age)
    wanted = twin(bars, series, lag, age)
    np.testing.assert_array_equal(joined["value"], [value for value, _ in wanted])
    assert [None if pd.isna(at) else at for at in joined["known_at"]] == [
        None if pd.isna(at) else at for _, at in wanted
    ]


@settings(max_examples=60)
@given(rows=ROWS, closes=CLOSES, lag=LAGS, cut=st.integers(0, 90), noise=st.integers(100, 200))
def test_what_becomes_known_later_changes_nothing_earlier(rows, closes, lag, cut, noise):
    bars = bars_at(closes)
    changed = [(e, k, v if k <= cut else float(noise + i)) for i, (e, k, v) in enumerate(rows)]
    before = (bars["close_time"] < START + (cut + 1) * HOUR + lag).to_numpy()
    one, other = (join(bars, series_of(each), lag)[before] for each in (rows, changed))
    pd.testing.assert_frame_equal(one, other)
    used = one["known_at"].dropna()
    assert (used + lag <= bars.loc[used.index, "close_time"]).all()


@settings(max_examples=30)
@given(rows=ROWS, closes=CLOSES, seed=st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter_and_inputs_stay(rows, closes, seed):
    bars, series = bars_at(closes), series_of(rows)
    kept = (bars.copy(), series.copy())
    shuffled = list(rows)
    seed.shuffle(shuffled)
    pd.testing.assert_frame_equal(join(bars, series), join(bars, series_of(shuffled)))
    pd.testing.assert_frame_equal(bars, kept[0])
    pd.testing.assert_frame_equal(series, kept[1])


def test_a_late_restatement_of_an_older_period_changes_nothing():
    series = series_of([(1, 2, 10.0), (5, 6, 20.0), (1, 8, 99.0), (5, 9, 21.0)])
    assert join(bars_at([1, 2, 5, 6, 8, 9]), series)["value"].tolist()[1:] == [10, 10, 20, 20, 21]


def test_a_value_counts_from_the_very_moment_until_its_age_is_over():
    joined = join(bars_at([2, 3, 4, 5]), series_of([(1, 2, 7.0)]), lag=HOUR, max_age=2 * HOUR)
    np.testing.assert_array_equal(joined["value"], [np.nan, 7, 7, np.nan])


def test_wrong_input_is_refused():
    with pytest.raises(SchemaError, match="look ahead"):
        join(bars_at([1]), series_of([]), lag=-HOUR)
    with pytest.raises(SchemaError, match="'known_at' is missing"):
        join(bars_at([1]), series_of([]).drop(columns="known_at"))
