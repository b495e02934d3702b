"""Cleaning against a slow twin, row by row, on spoiled slices and on real months."""

from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fints_pipeline.base.config import load_config
from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.data.calendars import Calendar, calendar_for, naive_utc
from fints_pipeline.data.cleaning import clean
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.rows import Rows
from fints_pipeline.data.rows import raw_rows as rows_of_slice
from fints_pipeline.data.rules import Schedule
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline_tests.data.raw import (
    MARKETS,
    MINUTE,
    raw_rows,
    rows_of,
    scheduled_minutes,
    spoiled,
    with_gaps,
)

PRICES = ("open", "high", "low", "close")
COMPARED = ["open_time", "close_time", *PRICES, "volume", "source_row"]


def slow(raw: pd.DataFrame, calendar: Calendar, month: str) -> tuple[list[tuple], Counter[str]]:
    """Return the rows that are kept of the first delivery, and how often each rule applied."""
    counts: Counter[str] = Counter()
    by_stamp: dict[np.datetime64, list[dict]] = {}
    before: dict[str, np.datetime64] = {}
    last = None
    for row in raw.to_dict("records"):
        opened = row["open_time"]
        if row["archive"] == last and opened < before[last]:
            counts["unsorted"] += 1
        last = row["archive"]
        before[last] = opened
        rule = broken_rule(row, calendar, month)
        if rule:
            counts[rule] += 1
        else:
            by_stamp.setdefault(opened, []).append(row)
    kept = []
    for opened in sorted(by_stamp):
        ordered = sorted(
            by_stamp[opened], key=lambda r: (r["known_at"], r["archive"], r["source_row"])
        )
        first = (ordered[0]["known_at"], ordered[0]["archive"])
        winner = [r for r in ordered if (r["known_at"], r["archive"]) == first][-1]
        for other in ordered:
            if other is not winner:
                same = all(
                    other[name] == winner[name]
                    or (np.isnan(other[name]) and np.isnan(winner[name]))
                    for name in (*PRICES, "volume")
                )
                counts["exact_duplicate" if same else "conflicting_duplicate"] += 1
        kept.append(tuple(winner[name] for name in COMPARED))
        counts["null_volume"] += bool(np.isnan(winner["volume"]))
        counts["zero_volume"] += winner["volume"] == 0
    return kept, +counts


def broken_rule(row: dict, calendar: Calendar, month: str) -> str | None:
    opened, closed = (np.datetime64(row[name], "us") for name in ("open_time", "close_time"))
    day = calendar.trading_day(np.array([opened]))[0]
    if str(day)[:7] != month:
        return "other_month"
    segments = calendar.month_segments(month)
    (inside,) = np.nonzero((segments.start <= opened) & (opened < segments.end))
    if len(inside) == 0:
        return "out_of_session"
    start, end = segments.start[inside[0]], segments.end[inside[0]]
    if (opened - start) % MINUTE or closed != min(opened + MINUTE, end):
        return "off_grid"
    prices = [row[name] for name in PRICES]
    if not all(np.isfinite(price) for price in prices):
        return "non_finite"
    if min(prices) <= 0:
        return "non_positive"
    if row["high"] != max(prices) or row["low"] != min(prices):
        return "ohlc_violation"
    if row["volume"] < 0 or np.isinf(row["volume"]):
        return "bad_volume"
    return None


def check(rows: Rows, raw: pd.DataFrame, market: Calendar, month: str) -> None:
    made = clean(rows, Schedule(market, month, MINUTE), has_volume=True)
    stamps = ("open_time", "close_time", "known_at")
    plain = raw.assign(**{name: naive_utc(raw[name]) for name in stamps})
    kept, counts = slow(plain, market, month)
    found = pd.DataFrame({name: made.rows[name] for name in COMPARED})
    expected = pd.DataFrame(kept, columns=COMPARED)
    pd.testing.assert_frame_equal(found, expected, check_exact=True, check_dtype=False)
    assert {rule.rule: rule.rows for rule in made.rules if rule.rows} == dict(counts)


@given(st.sampled_from(sorted(MARKETS)), st.integers(0, 2**32 - 1), st.integers(0, 25))
@settings(max_examples=6)
def test_equals_a_slow_twin(calendar: str, seed: int, gaps: int):
    rng = np.random.default_rng(seed)
    minutes = scheduled_minutes(calendar, sessions=1)
    raw = spoiled(with_gaps(raw_rows(minutes, seed), rng, gaps), rng)
    raw.loc[rng.random(len(raw)) < 0.02, "volume"] = 0.0
    for name in PRICES:
        raw.loc[rng.random(len(raw)) < 0.02, name] *= 1 + rng.normal(0, 0.01)
    market, month = calendar_for(calendar), MARKETS[calendar][0]
    check(rows_of(raw), raw, market, month)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("dataset", "archive", "instrument", "month"),
    [
        ("histdata", "histdata/HISTDATA_COM_ASCII_SPXUSD_M12018.zip", "SPXUSD", "2018-12"),
        ("binance", "binance/BTCUSDT-1m-2023-03.zip", "BTCUSDT", "2023-03"),
    ],
)
def test_equals_a_slow_twin_on_real_months(
    project: Path, shared_data: Path, lake: Lake, tmp_path: Path,
    dataset: str, archive: str, instrument: str, month: str,
):  # fmt: skip
    path = project / "configs" / "data" / f"{dataset}.yaml"
    config = load_config(path, DatasetConfig, section="dataset")
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / Path(archive).name).symlink_to(shared_data / archive)
    stage_inbox(inbox, lake, [config])
    table = lake.read(series_key("raw_bars", "1m", f"{dataset}.{instrument}", month))
    market = config.calendar_of(instrument)
    check(rows_of_slice(table), table.to_pandas(), market, month)
