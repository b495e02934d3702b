import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.base.time import minutes
from fints_pipeline.data import resampling
from fints_pipeline.data.calendars import Segments, calendar_for, naive_utc
from fints_pipeline.data.resampling import round_digits, sum_volume
from fints_pipeline_tests.data.raw import (
    MARKETS,
    config,
    frame_of,
    no_actions,
    raw_rows,
    rows_of,
    run,
    scheduled_minutes,
    with_gaps,
)

FOREVER = np.datetime64("2100-01-01", "us")
SEEDS = st.integers(0, 2**32 - 1)
CALENDARS = st.sampled_from(sorted(MARKETS))


def minute_bars(calendar: str, seed: int = 0, gaps: int = 6) -> tuple[pd.DataFrame, Segments]:
    """Return cleaned and filled 1m bars of two sessions with gaps, and the month's segments."""
    rng = np.random.default_rng(seed)
    raw = with_gaps(raw_rows(scheduled_minutes(calendar), seed), rng, gaps)
    month = MARKETS[calendar][0]
    raw.loc[rng.random(len(raw)) < 0.1, "volume"] = 0.0
    frames = run(config(calendar), raw, no_actions(), "test.AAA", month).frames
    bars = frames["1m"].assign(is_suspect=rng.random(len(frames["1m"])) < 0.1)
    return bars, calendar_for(calendar).month_segments(month)


def resample(
    bars: pd.DataFrame, frequency: str, segments: Segments, until: np.datetime64
) -> pd.DataFrame:
    """Resample a frame, whose rows may come from resampling."""
    rows = rows_of(bars)
    placed = rows.put(segment=segments.locate(rows["open_time"]))
    made = resampling.resample(placed, frequency, segments, until)
    return frame_of(made)[bars.columns]


def slow(bars: pd.DataFrame, frequency: str, segments: Segments) -> list[tuple[object, ...]]:
    """Return the columns of COMPARED, bar by bar."""
    made: dict[object, list[tuple[object, ...]]] = {}
    for bar in bars.itertuples():
        opened = np.datetime64(bar.open_time.tz_localize(None), "us")
        segment = segments.locate(np.array([opened]))[0]
        if frequency == "1D":
            start, end = segments.session_open[segment], segments.session_close[segment]
            key = (start, end, False)
        else:
            step = np.timedelta64(minutes(frequency), "m")
            start, stop = segments.start[segment], segments.end[segment]
            while start + step <= opened:
                start += step
            key = (start, min(start + step, stop), bool(start + step > stop))
        made.setdefault(key, []).append(bar)
    rows = []
    for (start, end, partial), members in made.items():
        rows.append(
            (
                pd.Timestamp(start, tz="UTC"),
                pd.Timestamp(end, tz="UTC"),
                members[0].open,
                max(bar.high for bar in members),
                min(bar.low for bar in members),
                members[-1].close,
                float(f"{math.fsum(bar.volume for bar in members):.15g}"),
                all(bar.is_filled for bar in members),
                partial,
                any(bar.is_halted for bar in members)
                and all(bar.is_halted or bar.is_filled for bar in members),
                any(bar.is_suspect for bar in members),
                all(bar.is_extended for bar in members),
                members[0].opens_filled,
                members[-1].partial_so_far or members[-1].close_time < pd.Timestamp(end, tz="UTC"),
            )
        )
    return rows


FREQUENCIES = st.sampled_from(["5m", "30m", "45m", "2h", "1D"])
COMPARED = [
    "open_time", "close_time", "open", "high", "low", "close", "volume", "is_filled", "is_partial",
    "is_halted", "is_suspect", "is_extended", "opens_filled", "partial_so_far",
]  # fmt: skip


def check_slow_twin(calendar: str, seed: int, frequency: str) -> None:
    bars, segments = minute_bars(calendar, seed)
    fast = resample(bars, frequency, segments, FOREVER)
    expected = slow(bars, frequency, segments)
    assert list(fast[COMPARED].itertuples(index=False, name=None)) == expected


@given(CALENDARS, SEEDS, FREQUENCIES)
@settings(max_examples=4)
def test_equals_a_slow_twin(calendar: str, seed: int, frequency: str):
    check_slow_twin(calendar, seed, frequency)


@pytest.mark.slow
@given(CALENDARS, SEEDS, FREQUENCIES)
@settings(max_examples=60)
def test_equals_a_slow_twin_at_length(calendar: str, seed: int, frequency: str):
    check_slow_twin(calendar, seed, frequency)


@given(CALENDARS, SEEDS, st.integers(0, 30))
@settings(max_examples=15)
def test_is_associative(calendar: str, seed: int, gaps: int):
    bars, segments = minute_bars(calendar, seed, gaps)
    stepwise = bars
    for frequency in ("5m", "30m", "1D"):
        stepwise = resample(stepwise, frequency, segments, FOREVER)
        at_once = resample(bars, frequency, segments, FOREVER)
        pd.testing.assert_frame_equal(stepwise, at_once, check_exact=True)


@given(CALENDARS, SEEDS)
@settings(max_examples=5)
def test_resampling_again_changes_nothing(calendar: str, seed: int):
    bars, segments = minute_bars(calendar, seed)
    once = resample(bars, "30m", segments, FOREVER)
    pd.testing.assert_frame_equal(resample(once, "30m", segments, FOREVER), once, check_exact=True)


def test_the_half_days_last_bar_is_partial_and_ends_at_the_close():
    bars, segments = minute_bars("XNYS", gaps=0)
    hours = resample(bars, "2h", segments, FOREVER)
    regular, half = (hours[hours["session"] == day] for day in ("2024-11-27", "2024-11-29"))
    assert regular["is_partial"].tolist() == [False, False, False, True]
    assert half["is_partial"].tolist() == [False, True]
    assert half["close_time"].iloc[-1] == pd.Timestamp("2024-11-29 18:00", tz="UTC")
    assert half["open_time"].dt.strftime("%H:%M").tolist() == ["14:30", "16:30"]


def test_1d_is_one_bar_a_session_known_at_its_scheduled_close():
    bars, segments = minute_bars("XNYS", gaps=20)
    days = resample(bars, "1D", segments, FOREVER)
    assert days["session"].dt.day.tolist() == [27, 29]
    assert (days["open_time"] == days["session_open"]).all()
    assert (days["close_time"] == days["session_close"]).all()


def test_bars_do_not_cross_lunch():
    bars, segments = minute_bars("XTKS", gaps=0)
    hours = resample(bars, "1h", segments, FOREVER)
    first = hours[hours["session"] == hours["session"][0]]
    # 09:00 to 11:30 and 12:30 to 15:30, Tokyo; the close moved from 15:00 to 15:30 that day.
    assert first["open_time"].dt.strftime("%H:%M").tolist() == [
        "00:00", "01:00", "02:00", "03:30", "04:30", "05:30",
    ]  # fmt: skip
    assert first["is_partial"].tolist() == [False, False, True, False, False, False]


def test_an_interval_that_is_not_over_is_not_given():
    bars, segments = minute_bars("XNYS", gaps=0)
    until = np.datetime64("2024-11-29T15:04", "us")
    known = bars[naive_utc(bars["close_time"]) <= until]
    assert resample(known, "5m", segments, until)["close_time"].max() == pd.Timestamp(
        "2024-11-29 15:00", tz="UTC"
    )
    assert len(resample(known, "1D", segments, until)) == 1


def test_an_interval_without_bars_gives_none():
    bars, segments = minute_bars("XNYS", gaps=0)
    gone = bars["open_time"].dt.strftime("%H:%M").between("15:00", "15:04")
    fives = resample(bars[~gone].reset_index(drop=True), "5m", segments, FOREVER)
    clock = fives["open_time"].dt.strftime("%H:%M")
    assert "15:00" not in set(clock)
    assert {"14:55", "15:05"} <= set(clock)


def test_null_volume_stays_null():
    bars, segments = minute_bars("XNYS", gaps=0)
    bars.loc[3, "volume"] = np.nan
    fives = resample(bars, "5m", segments, FOREVER)
    assert np.flatnonzero(fives["volume"].isna()).tolist() == [0]


@given(st.lists(st.integers(0, 10**13), min_size=1, max_size=60), st.integers(0, 8))
def test_decimal_volumes_add_up_to_the_nearest_float(units: list[int], decimals: int):
    volume = np.array([unit / 10**decimals for unit in units])
    total = sum_volume(volume, np.array([0]))[0]
    assert total == sum(units) / 10**decimals


def test_plain_float_sums_would_not_be_associative():
    volume = np.array([0.1, 0.2, 0.3])
    assert sum(volume) != volume[0] + (volume[1] + volume[2])
    assert sum_volume(volume, np.array([0]))[0] == 0.6


@given(st.floats(0, 1e300))
def test_round_digits_is_idempotent_and_close(value: float):
    once = round_digits(np.array([value]))
    np.testing.assert_allclose(once, value, rtol=1e-14, atol=1e-22)
    np.testing.assert_array_equal(round_digits(once), once)
