from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.errors import KeyNotFoundError, SchemaError
from fints_pipeline.features import FeaturesConfig, run
from fints_pipeline.features.exogenous import Exogenous
from fints_pipeline_tests.hand import hand_bars, opens

NAN = np.nan
# Bars close at 14:35, 14:40, 14:45, 14:50, 14:55 UTC.
BARS = hand_bars(opens(1, 1, 1, 1, 1))


def frame(*rows: tuple[str, str, float]) -> pd.DataFrame:
    """Rows of period_end and known_at on 2024-03-04, and the value."""
    table = pd.DataFrame(rows, columns=["period_end", "known_at", "value"])
    for name in ("period_end", "known_at"):
        table[name] = pd.to_datetime("2024-03-04 " + table[name], utc=True)
    return table


def joined(table: pd.DataFrame, **parameters: object) -> list[float]:
    feature = Exogenous(source="vix", **parameters)
    config = FeaturesConfig(features=(feature,))
    return list(run(config, BARS, {"vix": table})["vix_value"])


def test_known_at_the_close_and_not_before() -> None:
    table = frame(("14:00", "14:40", 1.0), ("14:30", "14:50", 2.0))
    np.testing.assert_array_equal(joined(table), [NAN, 1, 1, 2, 2])
    np.testing.assert_array_equal(joined(table, lag_minutes=1), [NAN, NAN, 1, 1, 2])


def test_what_is_too_old_is_not_carried_on() -> None:
    table = frame(("14:00", "14:35", 1.0))
    np.testing.assert_array_equal(joined(table, max_age_minutes=10), [1, 1, 1, NAN, NAN])


def test_a_null_leaves_the_last_value() -> None:
    table = frame(("14:00", "14:35", 1.0), ("14:05", "14:40", NAN))
    np.testing.assert_array_equal(joined(table), [1, 1, 1, 1, 1])


def test_restatements_count_for_the_latest_period_alone() -> None:
    table = frame(
        ("14:00", "14:35", 1.0),
        ("14:10", "14:40", 2.0),
        ("14:00", "14:45", 9.0),
        ("14:10", "14:50", 3.0),
    )
    np.testing.assert_array_equal(joined(table), [1, 2, 2, 3, 3])


def test_of_rows_at_once_the_last_counts() -> None:
    table = frame(("14:00", "14:40", 1.0), ("14:10", "14:40", 2.0))
    np.testing.assert_array_equal(joined(table), [NAN, 2, 2, 2, 2])


def test_what_comes_after_the_close_changes_nothing() -> None:
    early = frame(("14:00", "14:35", 1.0), ("14:10", "14:40", 2.0))
    late = frame(("14:00", "14:35", 1.0), ("14:10", "14:40", 2.0), ("13:00", "14:46", 7.0))
    late.loc[2, "period_end"] = pd.Timestamp("2030-01-01", tz="UTC")
    assert joined(early)[:3] == joined(late)[:3]
    assert joined(late)[3] == 7


def test_equal_to_merge_asof() -> None:
    rng = np.random.default_rng(4)
    table = pd.DataFrame(
        {
            "known_at": BARS["open_time"].iloc[0]
            + pd.to_timedelta(np.sort(rng.integers(0, 30 * 60, 50)), unit="s").astype(
                "timedelta64[us]"
            )
        }
    )
    table["period_end"] = table["known_at"]
    table["value"] = rng.normal(size=50)
    expected = pd.merge_asof(BARS, table, left_on="close_time", right_on="known_at")["value"]
    np.testing.assert_array_equal(joined(table), expected)


def test_mistakes_are_named() -> None:
    config = FeaturesConfig(features=[{"name": "exogenous", "source": "vix"}])
    assert config.sources == {"vix": "1D"}
    with pytest.raises(KeyNotFoundError, match="vix"):
        run(config, BARS)
    with pytest.raises(KeyNotFoundError, match="value"):
        run(config, BARS, {"vix": frame().drop(columns="value")})
    with pytest.raises(SchemaError, match="known_at"):
        joined(frame(("14:00", "14:50", 1.0), ("14:30", "14:40", 2.0)))
