"""The bars stage on daily sources, extended hours and symbols with a calendar of their own."""

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.data.bars import BarsResult
from fints_pipeline.data.calendars import calendar_for
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.schemas.bars import BARS
from fints_pipeline_tests.data.raw import MINUTE, config, no_actions, raw_rows, run

DAILY = {"base_frequency": "1D", "frequencies": ["1D"], "model_frequency": "1D"}
WEEK = ["2024-11-25", "2024-11-26", "2024-11-27", "2024-11-29"]


def make(raw: pd.DataFrame, dataset: DatasetConfig, instrument: str = "test.AAA") -> BarsResult:
    result = run(dataset, raw, no_actions(), instrument, "2024-11")
    assert result.quality.conserves()
    for table in result.tables.values():
        BARS.validate(table)
    return result


@pytest.mark.parametrize("clock", ["00:00", "05:00", "14:30", "20:59"])
def test_a_daily_bar_is_known_at_its_sessions_close(clock: str):
    """Whatever hour of the New York day a vendor stamps it with."""
    days = [f"{day}T{'05:00' if clock == '00:00' else clock}" for day in WEEK]
    result = make(raw_rows(days), config(**DAILY))
    bars = result.frames["1D"]
    assert bars["session"].dt.strftime("%Y-%m-%d").tolist() == WEEK
    assert (bars["open_time"] == bars["session_open"]).all()
    assert (bars["close_time"] == bars["session_close"]).all()
    assert bars["close_time"].iloc[-1] == pd.Timestamp("2024-11-29 18:00", tz="UTC")
    flags = ["is_filled", "is_partial", "is_halted", "opens_filled", "partial_so_far"]
    assert not bars[flags].any(axis=None)
    assert (result.quality.filled, result.quality.holes, result.quality.rejected) == (0, 0, 0)
    # The month's other sessions are over or were never delivered.
    assert len(result.quality.empty_sessions) == 20 - 4


def test_daily_bars_span_a_lunch_break():
    raw = raw_rows(["2024-11-05T00:00", "2024-11-06T00:00"])
    bars = make(raw, config("XTKS", **DAILY)).frames["1D"]
    assert (bars["close_time"] - bars["open_time"] > pd.Timedelta("6h")).all()


def test_a_daily_bar_on_a_closed_day_is_rejected_and_a_second_one_is_a_duplicate():
    raw = raw_rows([*(f"{day}T14:30" for day in WEEK), "2024-11-28T14:30", "2024-11-29T15:30"])
    quality = make(raw, config(**DAILY)).quality
    assert quality.count("out_of_session") == 1
    assert quality.count("conflicting_duplicate") == 1


EXTENDED = {"extended_minutes_before": 330, "extended_minutes_after": 240}


def half_day(first: str, last: str) -> pd.DataFrame:
    start, end = np.datetime64(f"2024-11-29T{first}"), np.datetime64(f"2024-11-29T{last}")
    return raw_rows(np.arange(start.astype("M8[us]"), end.astype("M8[us]"), MINUTE))


def test_extended_hours_are_dropped_and_counted_or_kept_and_flagged():
    raw = half_day("14:00", "18:30")
    dropped, kept = make(raw, config()), make(raw, config(**EXTENDED))
    assert dropped.quality.count("out_of_session") == 60
    assert dropped.quality.count("extended_hours") == 0
    assert kept.quality.count("out_of_session") == 0
    assert kept.quality.count("extended_hours") == 60
    bars = kept.frames["1m"]
    delivered = bars[~bars["is_filled"]]
    assert delivered["is_extended"].sum() == 60
    assert len(delivered) == 270
    regular = bars[~bars["is_extended"]].reset_index(drop=True)
    columns = ["open_time", "open", "high", "low", "close", "volume", "opens_filled"]
    pd.testing.assert_frame_equal(regular[columns], dropped.frames["1m"][columns])


def test_regular_bars_of_every_length_stay_anchored_at_the_regular_open():
    raw = half_day("14:03", "18:30")
    dropped, kept = make(raw, config()), make(raw, config(**EXTENDED))
    for frequency in ("5m", "30m"):
        bars = kept.frames[frequency]
        regular = bars[~bars["is_extended"]].reset_index(drop=True)
        prices = ["open_time", "close_time", "open", "high", "low", "close", "volume"]
        pd.testing.assert_frame_equal(regular[prices], dropped.frames[frequency][prices])
    (day,) = kept.frames["1D"].itertuples()
    assert not day.is_extended
    assert day.volume > dropped.frames["1D"]["volume"][0]


def test_thin_early_hours_are_neither_holes_nor_halts():
    raw = pd.concat([half_day("09:40", "09:42"), half_day("14:30", "18:00")], ignore_index=True)
    raw["source_row"] = np.arange(1, len(raw) + 1)
    result = make(raw, config(**EXTENDED))
    assert (result.quality.holes, result.quality.halts, result.quality.longest_gap) == (0, 0, 0)
    assert result.quality.partial_sessions == ()
    assert not result.frames["1m"]["partial_so_far"].any()


def test_a_symbol_can_have_a_calendar_of_its_own():
    dataset = config("fx_24_5", calendars={"SPX": "us_index_cfd"}, has_volume=False)
    pause = "2024-11-27T21:20"
    assert make(raw_rows([pause]), dataset, "test.EUR").quality.rejected == 0
    quality = make(raw_rows([pause]), dataset, "test.SPX").quality
    assert quality.count("out_of_session") == 1
    assert dataset.calendar_of("EUR") is calendar_for("fx_24_5")
