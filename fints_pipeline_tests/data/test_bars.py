"""The laws of the bars stage on random, spoiled slices of four markets."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.base.frames import to_arrow
from fints_pipeline.data.bars import BarsResult
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.schemas.bars import BARS
from fints_pipeline_tests.data.raw import (
    MARKETS,
    actions,
    config,
    no_actions,
    raw_rows,
    run,
    scheduled_minutes,
    spoiled,
    with_gaps,
)

SEEDS = st.integers(0, 2**32 - 1)
CALENDARS = st.sampled_from(sorted(MARKETS))


def make(calendar: str, raw: pd.DataFrame, dataset: DatasetConfig | None = None) -> BarsResult:
    return run(dataset or config(calendar), raw, no_actions(), "test.AAA", MARKETS[calendar][0])


@st.composite
def slices(draw: st.DrawFn) -> tuple[str, pd.DataFrame]:
    """Draw a market and a spoiled slice of two of its sessions."""
    calendar, rng = draw(CALENDARS), np.random.default_rng(draw(SEEDS))
    clean = raw_rows(scheduled_minutes(calendar), int(rng.integers(2**32)))
    return calendar, spoiled(with_gaps(clean, rng, draw(st.integers(0, 25))), rng)


def assert_same(left: dict[str, pd.DataFrame], right: dict[str, pd.DataFrame]) -> None:
    assert left.keys() == right.keys()
    for frequency in left:
        pd.testing.assert_frame_equal(left[frequency], right[frequency], check_exact=True)


@given(slices())
@settings(max_examples=8)
def test_every_row_is_accounted_for_and_bars_fit_their_schema(case: tuple[str, pd.DataFrame]):
    calendar, raw = case
    before = raw.copy(deep=True)
    result = make(calendar, raw)
    pd.testing.assert_frame_equal(raw, before)
    quality = result.quality
    assert quality.rows_in == len(raw)
    assert quality.conserves()
    assert quality.rejected > 0
    assert quality.rows_out == len(result.frames["1m"])
    for table in result.tables.values():
        BARS.validate(table)


@given(slices())
@settings(max_examples=8)
def test_every_rule_finds_what_was_planted(case: tuple[str, pd.DataFrame]):
    quality = make(*case).quality
    for rule in ("other_month", "off_grid", "non_finite", "non_positive", "ohlc_violation",
                 "bad_volume", "exact_duplicate", "conflicting_duplicate", "unsorted"):  # fmt: skip
        assert quality.count(rule) > 0, rule


@given(slices(), SEEDS)
@settings(max_examples=8)
def test_the_order_of_raw_rows_does_not_matter(case: tuple[str, pd.DataFrame], seed: int):
    calendar, raw = case
    shuffled = raw.iloc[np.random.default_rng(seed).permutation(len(raw))]
    assert_same(make(calendar, raw).frames, make(calendar, shuffled).frames)


@given(slices())
@settings(max_examples=8)
def test_cleaning_clean_bars_changes_nothing(case: tuple[str, pd.DataFrame]):
    calendar, raw = case
    once = make(calendar, raw)
    bars = once.frames["1m"]
    kept = bars[~bars["is_filled"]].reset_index(drop=True)
    archive, known_at = "d" * 64, pd.Timestamp("2025-08-01", tz="UTC").as_unit("us")
    again = make(
        calendar,
        kept.assign(archive=archive, source_row=np.arange(len(kept)), known_at=known_at)[
            raw.columns
        ],
    )
    assert again.quality.rejected == 0
    assert again.quality.filled == once.quality.filled
    assert_same(once.frames, again.frames)


def check_causality(calendar: str, raw: pd.DataFrame, seed: int, delivered_live: bool) -> None:
    """Neither noise in the raw rows after a cut nor their absence changes bars up to it."""
    rng = np.random.default_rng(seed)
    minutes = scheduled_minutes(calendar)
    at = rng.choice(minutes)
    cut = pd.Timestamp(at, tz="UTC")
    raw = upset(raw, rng)
    past, later = raw[raw["open_time"] < cut], minutes[minutes >= at]
    other = upset(raw_rows(later, int(rng.integers(2**32)), archive="e" * 64), rng)
    noise = spoiled(with_gaps(other, rng, int(rng.integers(5))), rng)
    # One later row stays to tell that the time before it has passed.
    raw, noise = pd.concat([raw, other[-1:]]), pd.concat([past, noise, other[-1:]])
    if delivered_live:
        raw, noise, past = (rows.assign(known_at=rows["close_time"]) for rows in (raw, noise, past))
    whole, noisy = make(calendar, raw).frames, make(calendar, noise).frames
    assert_same(made_by(cut, whole), made_by(cut, noisy))
    # As of the cut the later rows are not there.
    dataset, month = config(calendar), MARKETS[calendar][0]
    then = run(dataset, raw, no_actions(), "test.AAA", month, as_of=cut).frames
    again = run(dataset, noise, no_actions(), "test.AAA", month, as_of=cut).frames
    assert_same(then, again)
    # Without a later row, what follows the last one is not known to be over.
    if len(past):
        reached = past["open_time"].max() + pd.Timedelta("1min")
        prefix = make(calendar, past).frames
        assert_same(made_by(reached, whole), made_by(reached, prefix))


def upset(raw: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Put spikes, jumps, huge volumes and bars without a trade among rows in any order."""
    rows = raw.copy()
    n = len(rows)
    spike = np.where(rng.random(n) < 0.02, 1 + rng.choice([-0.3, 0.3], n), 1.0)
    shift = np.where(rows["open_time"] > rows["open_time"].min() + pd.Timedelta("2h"), 1.5, 1.0)
    for name in ("open", "high", "low", "close"):
        rows[name] = rows[name] * spike * shift
    rows.loc[rng.random(n) < 0.02, "volume"] *= 1e6
    rows.loc[rng.random(n) < 0.05, "volume"] = 0.0
    return rows


@given(slices(), SEEDS, st.booleans())
@settings(max_examples=10)
def test_what_comes_later_changes_no_bar(
    case: tuple[str, pd.DataFrame], seed: int, delivered_live: bool
):
    check_causality(*case, seed, delivered_live)


@pytest.mark.slow
@given(slices(), SEEDS, st.booleans())
@settings(max_examples=150)
def test_what_comes_later_changes_no_bar_at_length(
    case: tuple[str, pd.DataFrame], seed: int, delivered_live: bool
):
    check_causality(*case, seed, delivered_live)


def test_the_law_of_causality_meets_every_flag():
    rng = np.random.default_rng(0)
    raw = upset(with_gaps(raw_rows(scheduled_minutes("XNYS")), rng, 10), rng)
    bars = make("XNYS", raw).frames["1m"]
    for flag in ("is_halted", "is_suspect", "opens_filled", "partial_so_far"):
        assert bars[flag].any(), flag


def made_by(cut: pd.Timestamp, frames: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    return {
        name: frame[frame["close_time"] <= cut].reset_index(drop=True)
        for name, frame in frames.items()
    }


def test_a_clean_slice_comes_out_as_it_went_in():
    raw = raw_rows(scheduled_minutes("XNYS"))
    result = make("XNYS", raw)
    bars = result.frames["1m"]
    for name in ("open_time", "close_time", "open", "high", "low", "close", "volume"):
        pd.testing.assert_series_equal(bars[name], raw[name])
    assert (bars["instrument"] == "test.AAA").all()
    assert not bars["is_filled"].any()
    assert {name: len(frame) for name, frame in result.frames.items()} == {
        "1m": 390 + 210,
        "5m": 78 + 42,
        "30m": 13 + 7,
        "1D": 2,
    }
    quality = result.quality
    assert (quality.holes, quality.longest_gap, quality.sessions) == (0, 0, 2)
    # The month's other eighteen sessions, all before these two, have no rows.
    assert len(quality.empty_sessions) == 18
    assert quality.empty_sessions[-1] == "2024-11-26"


def test_a_long_gap_leaves_a_hole_and_a_partial_session():
    raw = raw_rows(scheduled_minutes("XNYS"))
    raw = raw.drop(range(100, 120)).reset_index(drop=True)
    quality = make("XNYS", raw).quality
    assert (quality.filled, quality.holes, quality.longest_gap) == (5, 15, 20)
    assert quality.partial_sessions == ("2024-11-27",)


def test_what_is_not_over_is_no_hole():
    raw = raw_rows(scheduled_minutes("XNYS"))
    live = raw.assign(known_at=raw["close_time"])[:450]
    result = make("XNYS", live)
    assert result.quality.holes == 0
    assert len(result.frames["1D"]) == 1
    assert result.quality.empty_sessions[-1] == "2024-11-26"


def test_minutes_before_the_first_row_are_holes_not_fills():
    raw = raw_rows(scheduled_minutes("XNYS"))[3:]
    result = make("XNYS", raw)
    assert (result.quality.filled, result.quality.holes) == (0, 3)


def test_without_volume_it_is_null_on_filled_bars_too():
    raw = raw_rows(scheduled_minutes("fx_24_5"))[:240].drop([5, 6]).reset_index(drop=True)
    frames = make("fx_24_5", raw, config("fx_24_5", has_volume=False)).frames
    assert frames["1m"]["is_filled"].sum() == 2 + 5
    assert all(frame["volume"].isna().all() for frame in frames.values())


def test_the_split_factor_steps_at_the_ex_date():
    table = actions([("test.AAA", "2024-11-29", "split", 2.0, "2024-11-01")])
    raw = raw_rows(scheduled_minutes("XNYS"))
    frames = run(config(), raw, table, "test.AAA", "2024-11").frames
    for frame in frames.values():
        before = frame["session"] < pd.Timestamp("2024-11-29")
        assert (frame.loc[before, "split_factor"] == 1.0).all()
        assert (frame.loc[~before, "split_factor"] == 2.0).all()


def test_a_source_of_five_minute_bars():
    minutes = scheduled_minutes("XNYS")[::5]
    raw = raw_rows(minutes).drop([10, 11]).reset_index(drop=True)
    raw["close_time"] = raw["open_time"] + pd.Timedelta("5min")
    dataset = config(base_frequency="5m", frequencies=["5m", "1h"], max_fill_minutes=5)
    result = make("XNYS", raw, dataset)
    assert (result.quality.filled, result.quality.holes) == (1, 1)
    assert len(result.frames["1h"]) == 7 + 4
    assert result.frames["1h"]["is_partial"].sum() == 2


@pytest.mark.parametrize("rows", [raw_rows([]), raw_rows(["2024-11-28T15:00"])])
def test_nothing_kept_gives_empty_frames_of_the_right_types(rows: pd.DataFrame):
    result = make("XNYS", rows)
    assert result.quality.conserves()
    for frame in result.frames.values():
        assert frame.empty
        BARS.validate(to_arrow(frame, BARS.arrow_schema))


def test_a_wrong_month_is_refused():
    with pytest.raises(ConfigError, match="'2024-13' is not a month"):
        run(config(), raw_rows([]), no_actions(), "test.AAA", "2024-13")
