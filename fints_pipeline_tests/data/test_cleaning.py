import numpy as np
import pandas as pd
import pytest

from fints_pipeline.data.calendars import calendar_for
from fints_pipeline.data.cleaning import CleanRows, clean
from fints_pipeline.data.rules import Schedule
from fints_pipeline.data.versions import Versions
from fints_pipeline_tests.data.raw import raw_rows, rows_of

REGULAR = ["2024-11-29T14:30", "2024-11-29T14:31", "2024-11-29T14:32"]


def cleaned(
    raw: pd.DataFrame,
    has_volume: bool = True,
    versions: Versions = "latest",
    as_of: str | None = None,
) -> tuple[CleanRows, dict[str, int]]:
    schedule = Schedule(calendar_for("XNYS"), "2024-11", np.timedelta64(1, "m"))
    moment = None if as_of is None else np.datetime64(as_of, "us")
    result = clean(rows_of(raw), schedule, has_volume, versions, moment)
    return result, {rule.rule: rule.rows for rule in result.rules if rule.rows}


@pytest.mark.parametrize(
    ("opened", "rule"),
    [
        ("2024-11-29T14:29", "out_of_session"),  # a minute before the open
        ("2024-11-29T18:00", "out_of_session"),  # the half-day's close
        ("2024-11-28T15:00", "out_of_session"),  # Thanksgiving
        ("2024-11-30T15:00", "out_of_session"),  # Saturday
        ("2024-12-02T15:00", "other_month"),
        ("2024-10-31T15:00", "other_month"),
        ("2024-11-29T14:30:20", "off_grid"),
    ],
)
def test_a_row_out_of_place_is_rejected(opened: str, rule: str):
    result, counts = cleaned(raw_rows(sorted([*REGULAR, opened])))
    assert counts == {rule: 1}
    assert len(result.rows) == 3


def test_the_last_minute_of_a_half_day_is_kept():
    assert cleaned(raw_rows(["2024-11-29T17:59"]))[1] == {}


@pytest.mark.parametrize(
    ("column", "value", "rule"),
    [
        ("open", np.nan, "non_finite"),
        ("high", np.inf, "non_finite"),
        ("low", -np.inf, "non_finite"),
        ("low", 0.0, "non_positive"),
        ("close", -5.0, "non_positive"),
        ("high", 90.0, "ohlc_violation"),
        ("low", 110.0, "ohlc_violation"),
        ("close", 300.0, "ohlc_violation"),
        ("open", 50.0, "ohlc_violation"),
        ("volume", -1.0, "bad_volume"),
        ("volume", np.inf, "bad_volume"),
    ],
)
def test_a_bad_value_is_rejected(column: str, value: float, rule: str):
    raw = raw_rows(REGULAR)
    raw.loc[1, column] = value
    result, counts = cleaned(raw)
    assert counts == {rule: 1}
    assert result.rows["source_row"].tolist() == [1, 3]


def test_a_bar_that_lasts_two_minutes_is_off_the_grid():
    raw = raw_rows(REGULAR)
    raw.loc[1, "close_time"] += pd.Timedelta("1min")
    assert cleaned(raw)[1] == {"off_grid": 1}


def test_null_and_zero_volume_are_noted_not_rejected():
    raw = raw_rows(REGULAR)
    raw.loc[0, "volume"], raw.loc[1, "volume"] = np.nan, 0.0
    result, counts = cleaned(raw)
    assert counts == {"null_volume": 1, "zero_volume": 1}
    assert len(result.rows) == 3
    assert not any(rule.rejected for rule in result.rules if rule.rows)


def test_a_source_without_volume_has_null_volume():
    raw = raw_rows(REGULAR).assign(volume=0.0)
    result, counts = cleaned(raw, has_volume=False)
    assert counts == {}
    assert np.isnan(result.rows["volume"]).all()


def deliveries(*volumes_and_days: tuple[float, str]) -> pd.DataFrame:
    parts = [
        raw_rows(REGULAR[:1], archive=str(i) * 64, known_at=f"2025-01-{day}").assign(volume=volume)
        for i, (volume, day) in enumerate(volumes_and_days)
    ]
    return pd.concat(parts, ignore_index=True)


def test_the_later_delivery_wins_whatever_the_order_of_rows():
    raw = deliveries((5.0, "03"), (6.0, "09"), (7.0, "05"))
    result, counts = cleaned(raw)
    assert result.rows["volume"].tolist() == [6.0]
    assert counts == {"conflicting_duplicate": 2}


@pytest.mark.parametrize(
    ("as_of", "volume"),
    [
        (None, 5.0),  # the first one known
        ("2025-01-04", 5.0),
        ("2025-01-05", 7.0),
        ("2025-01-20", 6.0),
        ("2024-12-24", 5.0),  # closed by then, delivered later: history all the same
    ],
)
def test_the_version_that_was_known(as_of: str | None, volume: float):
    raw = deliveries((5.0, "03"), (6.0, "09"), (7.0, "05"))
    result, counts = cleaned(raw, versions="first_known", as_of=as_of)
    assert result.rows["volume"].tolist() == [volume]
    assert counts == {"conflicting_duplicate": 2}


def test_as_of_leaves_out_what_closed_later():
    result, counts = cleaned(raw_rows(REGULAR), as_of="2024-11-29T14:31:30")
    assert result.rows["source_row"].tolist() == [1]
    assert counts == {"after_as_of": 2}


def test_within_an_archive_the_later_row_wins():
    raw = raw_rows([REGULAR[0], REGULAR[0]])
    result, counts = cleaned(raw.iloc[::-1])
    assert result.rows["source_row"].tolist() == [2]
    assert counts == {"conflicting_duplicate": 1}


def test_a_value_restated_back_counts_as_the_duplicate_that_it_is():
    result, counts = cleaned(deliveries((5.0, "03"), (6.0, "04"), (5.0, "05")))
    assert result.rows["volume"].tolist() == [5.0]
    assert counts == {"exact_duplicate": 1, "conflicting_duplicate": 1}


def test_a_null_repeats_a_null():
    assert cleaned(deliveries((np.nan, "03"), (np.nan, "04")))[1]["exact_duplicate"] == 1


def test_a_broken_redelivery_does_not_replace_a_good_row():
    raw = deliveries((5.0, "03"), (6.0, "04"))
    raw.loc[1, "close"] = np.nan
    result, counts = cleaned(raw)
    assert result.rows["volume"].tolist() == [5.0]
    assert counts == {"non_finite": 1}


def test_unsorted_rows_are_sorted_and_said():
    result, counts = cleaned(raw_rows(REGULAR).iloc[[2, 0, 1]])
    assert (np.diff(result.rows["open_time"]) > np.timedelta64(0)).all()
    assert counts == {"unsorted": 1}


def test_two_archives_one_after_the_other_are_not_unsorted():
    later = raw_rows(REGULAR, archive="b" * 64, known_at="2025-09-01")
    assert cleaned(pd.concat([raw_rows(REGULAR), later]))[1] == {"exact_duplicate": 3}


def test_examples_name_the_row():
    raw = raw_rows(REGULAR)
    raw.loc[1, "close"] = np.nan
    (rule,) = [rule for rule in cleaned(raw)[0].rules if rule.rows]
    assert len(rule.examples) == 1
    assert "2024-11-29 14:31:00Z, row 2 of aaaaaaaaaaaa" in rule.examples[0]
    assert "C nan" in rule.examples[0]


def test_nothing_in_nothing_out():
    result, counts = cleaned(raw_rows([]))
    assert counts == {}
    assert len(result.rows) == 0
