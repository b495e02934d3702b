"""Every folder of real bars goes in with the shipped configs, and shows what is known of it."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np
import pytest

from fints_pipeline.base.config import load_config
from fints_pipeline.base.lake import Lake
from fints_pipeline.data import partition
from fints_pipeline.data.action_files import action_key
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline.data.staging_report import StagingReport
from fints_pipeline.data.ticker_files import read_history
from fints_pipeline_tests.data.archive_builders import write, zip_bytes

pytestmark = pytest.mark.shared_data


@pytest.fixture
def datasets(project: Path) -> list[DatasetConfig]:
    paths = sorted((project / "configs" / "data").glob("*.yaml"))
    return [load_config(path, DatasetConfig, section="dataset") for path in paths]


def stage_links(
    targets: Sequence[Path], inbox: Path, lake: Lake, datasets: Sequence[DatasetConfig]
) -> StagingReport:
    inbox.mkdir(parents=True, exist_ok=True)
    for target in targets:
        (inbox / target.name).symlink_to(target)
    return stage_inbox(inbox, lake, datasets)


def config(datasets: Sequence[DatasetConfig], name: str) -> DatasetConfig:
    return next(each for each in datasets if each.name == name)


def test_equity_minutes(shared_data: Path, lake: Lake, datasets: list[DatasetConfig]):
    report = stage_inbox(shared_data / "equity_1m", lake, datasets)
    assert report.quarantined == []
    found = {each.instruments[0]: each.rows for each in report.accepted}
    assert found["spy_1m.SPY"] == 102_236
    assert sorted(found) == ["ibkr.MU", "ibkr.QQQ", "ibkr.SMCI", "ibkr.SPY", "spy_1m.SPY"]
    spy = config(datasets, "spy_1m")
    july = partition.build(lake, spy, "spy_1m.SPY", "2024-07").quality
    assert july.conserves()
    # 22 sessions with a bar at 16:00 each, and half-day bars after 13:00 on the 3rd.
    assert july.count("out_of_session") == july.rejected >= 22
    assert (july.sessions, july.holes) == (22, 0)
    half_day = partition.build(lake, config(datasets, "ibkr"), "ibkr.SPY", "2025-11")
    bars = lake.read_range("bars", "1m", "ibkr.SPY", "2025-11", "2025-11").to_pandas()
    last = bars[bars["session"] == date(2025, 11, 28)]["close_time"].max()
    assert str(last.tz_convert("America/New_York"))[11:16] == "13:00"
    assert half_day.quality.rejected == 0


def test_lean_daily_with_its_factor_files(
    shared_data: Path, lake: Lake, datasets: list[DatasetConfig], tmp_path: Path
):
    folder = shared_data / "corporate_actions" / "lean"
    targets = [folder / "daily", folder / "factor_files", folder / "map_files"]
    report = stage_links(targets, tmp_path / "inbox" / "lean", lake, datasets)
    assert report.quarantined == []
    assert {"lean.AAPL", "lean.IBM", "lean.SPY"} <= {name for name, _ in report.slices}
    splits = {
        str(row["ex_date"]): row["value"]
        for row in lake.read(action_key("lean.AAPL")).to_pylist()
        if row["kind"] == "split"
    }
    assert splits == {"2000-06-21": 2, "2005-02-28": 2, "2014-06-09": 7, "2020-08-31": 4}
    partition.build(lake, config(datasets, "lean"), "lean.AAPL", "2014-06")
    bars = lake.read_range("bars", "1D", "lean.AAPL", "2014-06", "2014-06").to_pandas()
    closes = bars.set_index("session")["close"]
    assert closes[date(2014, 6, 6)] == 645.57
    assert closes[date(2014, 6, 9)] == 93.70
    adjusted = bars.set_index("session")["close"] * bars.set_index("session")["split_factor"]
    step = adjusted[date(2014, 6, 9)] / adjusted[date(2014, 6, 6)]
    assert step == pytest.approx(93.70 * 7 / 645.57)


# Ticker, days whose bars are filed under it, and whose they are by the map files.
FILED = [
    ("goog", ["20140328", "20140402", "20140403"], ["GOOGL", "GOOGL", "GOOG"]),
    ("fb", ["20030328", "20050103", "20120518"], ["FB.1", "FB.UNMAPPED", "FB"]),
    ("twx", ["20010111", "20020102", "20031015", "20031016"],
     ["TWX.1", "TWX.UNMAPPED", "TWX.UNMAPPED", "TWX"]),
    ("aol", ["20010111", "20031015"], ["TWX", "TWX"]),
    ("aaa", ["20070518", "20200909"], ["AAA.1", "AAA"]),
    ("qqqq", ["20041201", "20110322"], ["QQQ", "QQQ"]),
    ("qqq", ["20041130", "20110323"], ["QQQ", "QQQ"]),
    ("nb", ["19980102", "19980930"], ["BAC", "BAC"]),
    ("wm", ["20050103", "20090805"], ["WM.UNMAPPED", "WM"]),
    ("vxx", ["20190129", "20190502"], ["VXX.1", "VXX"]),
    ("nwsa", ["20130628"], ["TFCFA"]),
    ("aapl", ["19980102", "20210331"], ["AAPL", "AAPL"]),
]  # fmt: skip


def test_bars_filed_under_a_ticker_go_to_who_had_it_by_leans_map_files(
    shared_data: Path, lake: Lake, datasets: list[DatasetConfig], tmp_path: Path
):
    inbox = tmp_path / "inbox" / "lean"
    for number, (ticker, days, _) in enumerate(FILED):
        rows = "".join(f"{day} 00:00,{number}10000,{number}10000,{number}10000,{number}10000,7\n"
                       for day in days)  # fmt: skip
        write(inbox / "daily" / f"{ticker}.zip", zip_bytes({f"{ticker}.csv": rows.encode()}))
    lean = shared_data / "corporate_actions" / "lean"
    report = stage_links([lean / "map_files", lean / "factor_files"], inbox, lake, datasets)
    assert report.quarantined == []
    expected = {
        (f"lean.{owner}", f"{day[:4]}-{day[4:6]}-{day[6:]}")
        for _, days, owners in FILED
        for day, owner in zip(days, owners, strict=True)
    }
    found = set()
    for name in lake.instruments("raw_bars", "1D"):
        months = lake.months("raw_bars", "1D", name)
        rows = lake.read_range("raw_bars", "1D", name, months[0], months[-1]).to_pylist()
        found |= {(name, f"{row['open_time']:%Y-%m-%d}") for row in rows}
    assert found == expected
    assert len(read_history(lake, "lean").names("QQQ")) == 3
    # Factor files are called after the instrument, not after the ticker of their days.
    (split,) = (row for row in lake.read(action_key("lean.GOOGL")).to_pylist()
                if row["kind"] == "split")  # fmt: skip
    assert (str(split["ex_date"]), split["value"]) == ("2014-04-03", 2)


def test_yahoo_splits_are_undone_to_what_lean_says_was_traded(
    shared_data: Path, lake: Lake, datasets: list[DatasetConfig], tmp_path: Path
):
    names = ("AAPL", "SPY", "AMZN", "BRK-B")
    targets = [shared_data / "equity_daily" / f"{name}.parquet" for name in names]
    report = stage_links(targets, tmp_path / "yahoo", lake, datasets)
    assert [each.rows for each in report.accepted] == [2515] * 4
    lean = shared_data / "corporate_actions" / "lean" / "daily" / "aapl.zip"
    stage_links([lean], tmp_path / "lean", lake, datasets)
    ours, theirs = (
        lake.read_range("raw_bars", "1D", name, "2016-04", "2020-12").to_pandas()
        for name in ("yahoo.AAPL", "lean.AAPL")
    )
    both = ours.merge(theirs, on="open_time", suffixes=("", "_lean"))
    assert len(both) > 1100
    ratio = both["close"] / both["close_lean"]
    assert (np.abs(ratio - 1) < 0.001).mean() > 0.995
    assert (
        both["open_time"].dt.tz_convert("America/New_York").dt.strftime("%H:%M").eq("09:30").all()
    )


def test_pystock_keeps_every_version_with_its_date(
    shared_data: Path, lake: Lake, datasets: list[DatasetConfig]
):
    few = [
        each.model_copy(update={"layout": {"symbols": ["CHD", "IBM"]}})
        if each.name == "pystock"
        else each
        for each in datasets
    ]
    report = stage_inbox(shared_data / "corporate_actions" / "pystock", lake, few)
    assert report.quarantined == []
    assert len(report.accepted) == 14
    rows = lake.read_range("raw_bars", "1D", "pystock.CHD", "2016-08", "2016-09").to_pylist()
    first = [row for row in rows if str(row["open_time"])[:10] == "2016-09-01"]
    assert [row["close"] for row in first] == [99.75] * len(first)
    assert [str(row["known_at"])[:16] for row in first][-1] == "2016-09-03 04:00"
    assert all(row["known_at"] > row["close_time"] for row in rows)
    (split,) = lake.read(action_key("pystock.CHD")).to_pylist()
    assert (str(split["ex_date"]), split["value"]) == ("2016-09-02", 2.0)
    partition.build(lake, config(datasets, "pystock"), "pystock.CHD", "2016-09")
    bars = lake.read_range("bars", "1D", "pystock.CHD", "2016-09", "2016-09").to_pandas()
    closes = bars.set_index("session")["close"]
    assert (closes[date(2016, 9, 1)], closes[date(2016, 9, 2)]) == (99.75, 49.970001)


@pytest.mark.slow
def test_the_whole_folder_of_daily_tickers(
    shared_data: Path, lake: Lake, datasets: list[DatasetConfig]
):
    report = stage_inbox(shared_data / "equity_daily", lake, datasets)
    assert report.quarantined == []
    assert len(report.accepted) == 75
    assert len(lake.instruments("raw_bars", "1D")) == 75


@pytest.mark.slow
def test_the_whole_folder_of_pystock(shared_data: Path, lake: Lake, datasets: list[DatasetConfig]):
    report = stage_inbox(shared_data / "corporate_actions" / "pystock", lake, datasets)
    assert report.quarantined == []
    assert report.counts["rows_read"] == 136_147
    assert len(lake.instruments("raw_bars", "1D")) > 5000
