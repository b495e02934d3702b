import numpy as np
import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.data.calendars import calendar_for
from fints_pipeline.data.halts import halts
from fints_pipeline.data.rows import Rows
from fints_pipeline_tests.data.raw import (
    MARKETS,
    MINUTE,
    actions,
    config,
    no_actions,
    raw_rows,
    run,
    scheduled_minutes,
    with_gaps,
)

SEEDS = st.integers(0, 2**32 - 1)


def bars_of(raw: pd.DataFrame, calendar: str = "XNYS", **changes: object) -> pd.DataFrame:
    dataset = config(calendar, **changes)
    return run(dataset, raw, no_actions(), "test.AAA", MARKETS[calendar][0]).frames["1m"]


def at(bars: pd.DataFrame, flag: str) -> list[str]:
    return bars.loc[bars[flag], "open_time"].dt.strftime("%H:%M").tolist()


def session(minutes: int = 120) -> pd.DataFrame:
    """The first minutes of a session, delivered while it goes on."""
    raw = raw_rows(scheduled_minutes("XNYS")[:minutes])
    return raw.assign(known_at=raw["close_time"])


def test_a_bar_without_a_trade_is_halted_and_no_order_fills_at_its_open():
    raw = session()
    raw.loc[[3, 40], "volume"] = 0.0
    bars = bars_of(raw)
    assert at(bars, "is_halted") == at(bars, "opens_filled") == ["14:33", "15:10"]
    assert not bars["is_filled"].any()


def test_filled_bars_are_halted_once_nothing_has_traded_for_long():
    raw = session().drop(range(20, 60)).reset_index(drop=True)
    bars = bars_of(raw, max_fill_minutes=20)
    assert at(bars, "opens_filled") == at(bars, "is_filled")
    # The fifteenth minute without a trade is 15:04; at 15:10 filling ends.
    assert at(bars, "is_halted") == ["15:04", "15:05", "15:06", "15:07", "15:08", "15:09"]


def test_an_outage_that_begins_with_empty_bars_is_one():
    raw = session().drop(range(25, 35)).reset_index(drop=True)
    raw.loc[15:24, "volume"] = 0.0
    bars = bars_of(raw, max_fill_minutes=20)
    # Delivered without volume from 14:45; from 14:55 on nobody delivers, 10 minutes in.
    assert at(bars, "is_halted")[:10] == [f"14:{m}" for m in range(45, 55)]
    assert at(bars, "is_halted")[10:] == ["14:59", "15:00", "15:01", "15:02", "15:03", "15:04"]


def test_without_volume_no_delivered_bar_is_halted():
    raw = session().assign(volume=0.0)
    assert not bars_of(raw, has_volume=False)["is_halted"].any()


def test_a_session_is_partial_from_its_first_hole_on():
    raw = session().drop(range(20, 30)).reset_index(drop=True)
    bars = bars_of(raw, max_fill_minutes=4)
    partial = bars.loc[bars["partial_so_far"], "open_time"].dt.strftime("%H:%M")
    assert partial.iloc[0] == "15:00"
    assert len(partial) == 90
    assert not bars_of(raw, max_fill_minutes=10)["partial_so_far"].any()
    assert bars_of(raw.iloc[1:])["partial_so_far"].all()


def slow_partial(bars: pd.DataFrame, calendar: str) -> list[bool]:
    segments = calendar_for(calendar).month_segments(MARKETS[calendar][0])
    flags = []
    for bar in bars.itertuples():
        close = np.datetime64(bar.close_time.tz_localize(None), "us")
        due = sum(
            len(np.arange(start, min(end, close), MINUTE))
            for start, end, day in zip(segments.start, segments.end, segments.session, strict=True)
            if day == np.datetime64(bar.session) and start < close
        )
        same = bars[(bars["session"] == bar.session) & (bars["close_time"] <= bar.close_time)]
        flags.append(len(same) < due)
    return flags


def slow_halted(bars: pd.DataFrame, minutes: int) -> list[bool]:
    flags, since = [], None
    last = None
    for bar in bars.itertuples():
        quiet = bar.is_filled or bar.volume == 0
        joined = last is not None and bar.open_time == last.close_time
        if not quiet:
            since = None
        elif since is None or not joined:
            since = bar.open_time
        long = quiet and bar.close_time - since >= pd.Timedelta(minutes=minutes)
        flags.append(quiet and (not bar.is_filled or long))
        last = bar
    return flags


@given(st.sampled_from(sorted(MARKETS)), SEEDS, st.integers(0, 12))
@settings(max_examples=5)
def test_equal_their_slow_twins(calendar: str, seed: int, gaps: int):
    rng = np.random.default_rng(seed)
    minutes = np.sort(rng.choice(scheduled_minutes(calendar), 260, replace=False))
    dense = scheduled_minutes(calendar)[-260:]
    raw = with_gaps(raw_rows(minutes if rng.random() < 0.3 else dense, seed), rng, gaps)
    raw.loc[rng.random(len(raw)) < 0.2, "volume"] = 0.0
    bars = bars_of(raw, calendar, max_fill_minutes=8, rules={"halt_minutes": 6})
    assert bars["partial_so_far"].tolist() == slow_partial(bars, calendar)
    assert bars["is_halted"].tolist() == slow_halted(bars, 6)


def test_a_spike_is_suspect_and_a_recorded_split_is_not():
    raw = session()
    raw.loc[60, "high"] = 150.0
    assert at(bars_of(raw), "is_suspect") == ["15:30"]
    days = raw_rows(scheduled_minutes("XNYS"))
    later = days["open_time"] >= pd.Timestamp("2024-11-29", tz="UTC")
    for name in ("open", "high", "low", "close"):
        days.loc[later, name] /= 2
    split = actions([("test.AAA", "2024-11-29", "split", 2.0, "2024-01-01")])
    result = run(config(), days, split, "test.AAA", "2024-11")
    assert not result.frames["1m"]["is_suspect"].any()
    assert result.quality.unrecorded_splits == result.quality.unshown_splits == ()
    (found,) = run(config(), days, no_actions(), "test.AAA", "2024-11").quality.unrecorded_splits
    assert "like a 2:1 split" in found


def test_suspects_are_counted_by_rule():
    raw = raw_rows(scheduled_minutes("crypto_24_7"), seed=1)
    raw["volume"] = 100 + np.arange(len(raw)) % 7
    raw.loc[200, ["high", "volume"]] = [150.0, 1e9]
    quality = run(
        config("crypto_24_7", rules={"volume_anomalies": {"slot_minutes": 1440}}),
        raw, no_actions(), "test.AAA", "2024-03",
    ).quality  # fmt: skip
    for rule in ("bad_tick", "reverting_spike", "volume_anomaly"):
        assert quality.count(rule) == 1, rule
    assert quality.rejected == 0
    assert "| bad_tick (flagged) | 1 |" in quality.to_markdown()


def found(opened: list[str], until: str, least: int = 15) -> tuple[int, int, tuple[str, ...]]:
    segments = calendar_for("XNYS").month_segments("2024-11")
    stamps = np.array([f"2024-11-29T{clock}" for clock in opened], dtype="datetime64[us]")
    rows = Rows(
        {
            "open_time": stamps,
            "close_time": stamps + MINUTE,
            "segment": segments.locate(stamps),
            "volume": np.ones(len(stamps)),
        }
    )
    result = halts(rows, segments, np.datetime64(f"2024-11-29T{until}", "us"), least)
    return result.count, result.minutes, result.longest


def test_halts_are_gaps_late_opens_and_early_ends():
    assert found(["14:30", "14:44"], "14:45") == (0, 0, ())
    words = "2024-11-29 14:31 to 14:46 UTC, 15 minutes"
    assert found(["14:30", "14:46"], "14:47") == (1, 15, (words,))
    count, minutes, longest = found(["15:00", "15:20"], "18:00")
    assert (count, minutes) == (3, 30 + 19 + 159)
    assert longest[0] == "2024-11-29 15:21 to 18:00 UTC, 159 minutes"
    assert found([], "18:00") == (0, 0, ())
