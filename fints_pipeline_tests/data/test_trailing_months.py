"""Trailing rules go on from month to month: cut at months, the flags are those of one series."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.base.frames import to_arrow
from fints_pipeline.base.lake import Lake, Lineage, series_key
from fints_pipeline.base.lake.lineage import staleness
from fints_pipeline.base.time import month_of
from fints_pipeline.data import bars, building, partition
from fints_pipeline.data.bad_ticks import bad_ticks
from fints_pipeline.data.building import build_changed
from fints_pipeline.data.carried import Carried, from_text
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.maintenance.verification import verify
from fints_pipeline.data.slices import SliceChange
from fints_pipeline.data.staging_report import StagingReport
from fints_pipeline.data.volume_anomalies import volume_anomalies
from fints_pipeline.schemas.corporate_actions import CORPORATE_ACTIONS
from fints_pipeline.schemas.raw_bars import RAW_BARS
from fints_pipeline_tests.data.raw import MINUTE, actions, config, no_actions, raw_rows

NAME = "test.AAA"
RULES = {
    "bad_ticks": {"window": 20, "least": 8, "width": 4.0, "floor": 0.002},
    "volume_anomalies": {"window": 60, "least": 20, "threshold": 3.0, "slot_minutes": 360},
}
DATASET = config("crypto_24_7", rules=RULES, frequencies=["1m", "30m"], model_frequency="30m")
MONTHS = ("2024-02", "2024-03", "2024-04")
# The last hours of February, a thin March, the first hours of April.
STAMPS = np.concatenate(
    [
        np.arange(np.datetime64(first), np.datetime64(last), np.timedelta64(step, "m"))
        for first, last, step in (
            ("2024-02-29T20:00", "2024-03-01T03:00", 1),
            ("2024-03-10T00:00", "2024-03-17T00:00", 97),
            ("2024-03-31T21:00", "2024-04-01T04:00", 1),
        )
    ]
)
SPLITS = actions([(NAME, "2024-03-31", "split", 2.0, "2024-06-01")])


def market(seed: int) -> pd.DataFrame:
    """A random walk with spikes, jumps, volumes far off and bars without a trade."""
    rng = np.random.default_rng(seed)
    raw = raw_rows(STAMPS, seed)
    n = len(raw)
    raw["volume"] = rng.lognormal(4, 0.3, n).round(2)
    raw.loc[rng.random(n) < 0.02, "volume"] *= 30
    raw.loc[rng.random(n) < 0.05, "volume"] = 0.0
    factor = np.where(rng.random(n) < 0.03, 1 + rng.choice([-0.1, 0.1], n), 1.0)
    factor[rng.integers(0, n) :] *= 1.2
    for name in ("open", "high", "low", "close"):
        raw[name] = (raw[name] * factor).round(2)
    keep = rng.random(n) > rng.choice([0.0, 0.1])
    return raw[keep].reset_index(drop=True)


def of_month(raw: pd.DataFrame, month: str) -> pd.DataFrame:
    return raw[raw["open_time"].dt.strftime("%Y-%m") == month]


def in_months(raw: pd.DataFrame, recorded: pd.DataFrame) -> tuple[pd.DataFrame, Carried]:
    parts, carried = [], Carried()
    for month in MONTHS:
        table = to_arrow(of_month(raw, month), RAW_BARS.arrow_schema)
        made = bars.run(DATASET, table, recorded, NAME, month, before=carried)
        # What is handed on survives being written down.
        carried = from_text(made.carried.to_text())
        assert carried.digest == made.carried.digest
        parts.append(made.frames["1m"])
    return pd.concat(parts, ignore_index=True), carried


def in_one_go(made: pd.DataFrame, dataset: DatasetConfig) -> np.ndarray:
    """Flag all bars as one series, with the rules' own windows and no month anywhere."""
    traded = made[~made["is_filled"] & (made["volume"] != 0)]
    factor = traded["split_factor"].to_numpy()
    high, low, close = (traded[name].to_numpy() * factor for name in ("high", "low", "close"))
    opened = traded["open_time"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
    restart = np.r_[True, np.diff(opened) - MINUTE >= np.timedelta64(60, "m")]
    outside, *_ = bad_ticks(high, low, close, restart, dataset.rules.bad_ticks)
    since = (traded["open_time"] - traded["session_open"]) // pd.Timedelta("1min")
    slot = since.to_numpy(np.int64) // dataset.rules.volume_anomalies.slot_minutes
    volume = traded["volume"].to_numpy() / factor
    unlike, _ = volume_anomalies(volume, slot, dataset.rules.volume_anomalies)
    flags = np.zeros(len(made), dtype=bool)
    flags[traded.index] = outside | unlike
    return flags


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_flags_of_months_are_those_of_the_whole_series(seed: int, split: bool):
    made, _ = in_months(market(seed), SPLITS if split else no_actions())
    flags = in_one_go(made, DATASET)
    assert flags.any()
    np.testing.assert_array_equal(made["is_suspect"].to_numpy(), flags)


def test_the_first_minutes_of_a_month_are_judged():
    raw = market(1)
    first = np.flatnonzero(raw["open_time"] >= pd.Timestamp("2024-04-01", tz="UTC"))[0]
    raw.loc[first - 40 : first + 10, ["open", "high", "low", "close"]] = 100.0
    raw.loc[first - 40 : first + 10, "volume"] = 50.0
    raw.loc[first + 1, "high"] = 150.0
    made, _ = in_months(raw, no_actions())
    at = made["open_time"] == raw["open_time"][first + 1]
    assert made.loc[at, "is_suspect"].all()
    table = to_arrow(of_month(raw, "2024-04"), RAW_BARS.arrow_schema)
    alone = bars.run(DATASET, table, no_actions(), NAME, "2024-04").frames["1m"]
    assert not alone["is_suspect"][1]


def test_a_split_on_the_first_session_of_a_month_is_found():
    raw = raw_rows(STAMPS)
    later = raw["open_time"] >= pd.Timestamp("2024-04-01", tz="UTC")
    raw.loc[later, ["open", "high", "low", "close"]] /= 2
    carried = Carried()
    for month in MONTHS:
        table = to_arrow(of_month(raw, month), RAW_BARS.arrow_schema)
        made = bars.run(DATASET, table, no_actions(), NAME, month, before=carried)
        carried = made.carried
    (found,) = made.quality.unrecorded_splits
    assert found.startswith("2024-04-01: ")
    assert "like a 2:1 split" in found


def put(lake: Lake, raw: pd.DataFrame, month: str) -> SliceChange:
    key = series_key("raw_bars", "1m", NAME, month)
    table = to_arrow(of_month(raw, month), RAW_BARS.arrow_schema)
    footer = lake.write(key, table, RAW_BARS, Lineage("1", "", {}))
    return SliceChange("raw_bars", NAME, month, None, footer.digest, footer.rows)


def digests(lake: Lake) -> dict[str, tuple[str, object]]:
    found = ((key, lake.footer(key)) for key in lake.keys("bars"))
    return {str(key): (footer.digest, dict(footer.lineage.inputs)) for key, footer in found}


def stale(lake: Lake, month: str) -> tuple[str, ...]:
    return staleness(lake, series_key("bars", "30m", NAME, month)).reasons


@pytest.fixture
def raw() -> pd.DataFrame:
    return market(7)


def test_one_by_one_in_a_range_and_anew_in_one_pass_are_the_same(
    lake: Lake, raw: pd.DataFrame, tmp_path: Path
):
    other, late = Lake(tmp_path / "other"), Lake(tmp_path / "late")
    report = StagingReport(changes=[put(lake, raw, month) for month in MONTHS])
    (built,) = build_changed(lake, [DATASET], report)
    assert built.months == 3
    for month in MONTHS:
        put(other, raw, month)
        partition.build(other, DATASET, NAME, month)
    assert digests(other) == digests(lake)
    assert list(verify(lake)) == []
    assert build_changed(lake, [DATASET], StagingReport()) == []
    # The month between arrives last: the one after it goes on from it.
    for month in ("2024-02", "2024-04"):
        build_changed(late, [DATASET], StagingReport(changes=[put(late, raw, month)]))
    change = put(late, raw, "2024-03")
    assert stale(late, "2024-04") == ()
    (built,) = build_changed(late, [DATASET], StagingReport(changes=[change]))
    assert built.months == 2
    assert digests(late) == digests(lake)


def test_a_restated_month_makes_the_next_stale_only_while_the_window_reaches(
    lake: Lake, raw: pd.DataFrame
):
    build_changed(
        lake, [DATASET], StagingReport(changes=[put(lake, raw, month) for month in MONTHS])
    )
    assert [stale(lake, month) for month in MONTHS] == [(), (), ()]
    early = raw.copy()
    early.loc[early.index[early["open_time"].dt.strftime("%Y-%m") == "2024-03"][0], "volume"] = 77.0
    put(lake, early, "2024-03")
    assert len(stale(lake, "2024-03")) == 1
    partition.build(lake, DATASET, NAME, "2024-03")
    assert stale(lake, "2024-04") == ()
    near = raw.copy()
    last = near.index[near["open_time"].dt.strftime("%Y-%m") == "2024-03"][-1]
    near.loc[last, ["high", "close"]] = near.loc[last, "high"] + 0.01
    change = put(lake, near, "2024-03")
    partition.build(lake, DATASET, NAME, "2024-03")
    (reason,) = stale(lake, "2024-04")
    assert (
        "carried to 2024-04 changed"
        in {each.name: each for each in verify(lake)}[f"bars/30m/{NAME}/2024-04"].reason
    )
    assert reason == f"bars/1m/{NAME}/carried to 2024-04 changed"
    (built,) = build_changed(lake, [DATASET], StagingReport(changes=[change]))
    assert built.months == 2
    assert stale(lake, "2024-04") == ()


@pytest.mark.parametrize("step", ["compute", "write"])
def test_a_month_after_a_failed_one_goes_on_from_what_the_lake_holds(
    lake: Lake, raw: pd.DataFrame, monkeypatch: pytest.MonkeyPatch, step: str
):
    build_changed(
        lake, [DATASET], StagingReport(changes=[put(lake, raw, month) for month in MONTHS])
    )
    honest = getattr(partition, step)

    def fail(lake: Lake, dataset: DatasetConfig, name: str, month: str, *more: object, **named):
        if month == "2024-03":
            raise CalendarError("not covered")
        return honest(lake, dataset, name, month, *more, **named)

    other = market(8)
    report = StagingReport(changes=[put(lake, other, month) for month in MONTHS])
    monkeypatch.setattr(partition, step, fail)
    monkeypatch.setattr(building, "WRITERS", 2 if step == "compute" else 0)
    monkeypatch.setattr(building, "ThreadPoolExecutor", lambda _: ThreadPoolExecutor(1))
    (built,) = build_changed(lake, [DATASET], report)
    assert (built.months, built.failures) == (2, [("2024-03", "not covered")])
    assert (stale(lake, "2024-02"), stale(lake, "2024-04")) == ((), ())


def test_what_a_month_goes_on_from_knows_the_actions_of_its_time_alone(
    lake: Lake, raw: pd.DataFrame
):
    rows = [("2.0", "2024-03-01"), ("4.0", "2024-06-01")]
    told = actions([(NAME, "2024-03-31", "split", float(ratio), at) for ratio, at in rows])
    key = series_key("corporate_actions", "event", NAME, "all")
    table = to_arrow(told, CORPORATE_ACTIONS.arrow_schema)
    lake.write(key, table, CORPORATE_ACTIONS, Lineage("1", "", {}))
    build_changed(
        lake, [DATASET], StagingReport(changes=[put(lake, raw, month) for month in MONTHS])
    )
    found = [
        partition.carried_before(
            lake, DATASET, NAME, "2024-04", datetime(2024, month, 15, tzinfo=UTC)
        )
        for month in (4, 7)
    ]
    assert found[0].digest != found[1].digest


def test_sessions_of_a_month_are_its_own():
    assert {month_of(stamp.astype("datetime64[D]").item()) for stamp in STAMPS} == set(MONTHS)
