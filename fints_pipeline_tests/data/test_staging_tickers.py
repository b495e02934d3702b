"""Renames through the inbox: bars, actions and what was built of them, in any order of arrival."""

import os
from datetime import date
from pathlib import Path

import pytest

from fints_pipeline.base.lake import Lake, series_key
from fints_pipeline.data.action_files import action_key
from fints_pipeline.data.building import build_changed
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline.data.staging_report import StagingReport
from fints_pipeline.data.ticker_files import history_key, read_history
from fints_pipeline_tests.data.archive_builders import write, zip_bytes
from fints_pipeline_tests.data.datasets import lean

GOOG_THEN = b"20040819,goog,Q\n20501231,goog,Q\n"
GOOGL = b"20040819,goog,Q\n20140402,goog,Q\n20501231,googl,Q\n"
GOOG_NOW = b"20140327,goocv,Q\n20140402,goocv,Q\n20501231,goog,Q\n"
MARCH, APRIL = "2014-03", "2014-04"


def daily(ticker: str, days: list[str], price: int = 1000) -> bytes:
    rows = "".join(
        f"{day} 00:00,{price}0000,{price + 9}0000,{price - 9}0000,{price + k}0000,{1000 + k}\n"
        for k, day in enumerate(days)
    )
    return zip_bytes({f"{ticker}.csv": rows.encode()})


GOOG_BARS = daily("goog", ["20140328", "20140331", "20140401", "20140402", "20140403", "20140404"])


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    write(tmp_path / "inbox" / "lean" / "daily" / "goog.zip", GOOG_BARS)
    write(tmp_path / "inbox" / "lean" / "daily" / "googl.zip", daily("googl", ["20140403"], 500))
    write(tmp_path / "inbox" / "lean" / "daily" / "goocv.zip", daily("goocv", ["20140331"], 400))
    return tmp_path / "inbox"


def deliver(inbox: Path, name: str, content: bytes, seconds: int = 2_000_000_000) -> None:
    os.utime(write(inbox / "lean" / name, content), (seconds, seconds))


def stage(inbox: Path, lake: Lake) -> StagingReport:
    report = stage_inbox(inbox, lake, [lean()])
    build_changed(lake, [lean()], report)
    return report


def sessions(lake: Lake, symbol: str, table: str = "bars") -> dict[str, float]:
    months = lake.months(table, "1D", f"lean.{symbol}")
    if not months:
        return {}
    rows = lake.read_range(table, "1D", f"lean.{symbol}", months[0], months[-1]).to_pylist()
    return {f"{row['open_time']:%m-%d}": row["close"] for row in rows}


@pytest.mark.parametrize("maps_first", [True, False])
def test_bars_go_to_who_had_the_ticker_whatever_comes_first(
    inbox: Path, lake: Lake, maps_first: bool
):
    seconds = 1 if maps_first else 2_000_000_000
    deliver(inbox, "map_files/googl.csv", GOOGL, seconds)
    deliver(inbox, "map_files/goog.csv", GOOG_NOW, seconds)
    report = stage(inbox, lake)
    assert report.quarantined == []
    class_a = {"03-28": 1000, "03-31": 1001, "04-01": 1002, "04-02": 1003, "04-03": 500}
    assert sessions(lake, "GOOGL") == class_a
    assert sessions(lake, "GOOG") == {"03-31": 400, "04-03": 1004, "04-04": 1005}
    assert lake.instruments("raw_bars", "1D") == ["lean.GOOG", "lean.GOOGL"]
    notes = [note for each in report.accepted for note in each.notes]
    assert "bars of GOOG from 2014-03-28 to 2014-04-02 are GOOGL's" in notes
    again = stage(inbox, lake)
    assert (again.accepted, again.changes, len(again.unchanged)) == ([], [], 5)


def test_a_rename_moves_what_was_read_before_and_nothing_else(inbox: Path, lake: Lake):
    """Today's name of an instrument changes; not a value of a bar that it had before."""
    deliver(inbox, "map_files/goog.csv", GOOG_THEN, 1_000_000_000)
    stage(inbox, lake)
    before = lake.read(series_key("bars", "1D", "lean.GOOG", MARCH)).to_pylist()
    deliver(inbox, "map_files/googl.csv", GOOGL)
    deliver(inbox, "map_files/goog.csv", GOOG_NOW)
    report = stage(inbox, lake)
    assert [each.path for each in report.accepted if each.path.endswith("zip")] == [
        "lean/daily/goog.zip",
        "lean/daily/goocv.zip",
    ]
    after = lake.read(series_key("bars", "1D", "lean.GOOGL", MARCH)).to_pylist()
    assert [{**row, "instrument": ""} for row in after] == [
        {**row, "instrument": ""} for row in before
    ]
    assert sessions(lake, "GOOG") == {"03-31": 400, "04-03": 1004, "04-04": 1005}
    history = read_history(lake, "lean")
    assert history.holder("GOOG", date(2014, 4, 2)) == "GOOGL"
    versions = lake.read(history_key("lean.GOOG")).column("known_at").to_pylist()
    assert len(set(versions)) == 2


def test_a_later_rename_leaves_earlier_partitions_alone(inbox: Path, lake: Lake):
    """The same instrument gets another ticker in April: March's files stay as they are."""
    (inbox / "lean" / "daily" / "goocv.zip").unlink()
    deliver(inbox, "map_files/goog.csv", b"20040819,goog,Q\n20501231,goog,Q\n", 1_000_000_000)
    stage(inbox, lake)
    march = [series_key(table, "1D", "lean.GOOG", MARCH) for table in ("raw_bars", "bars")]
    before = [(lake.footer(key).digest, lake.path(key).stat().st_mtime_ns) for key in march]
    longer = b"20040819,goog,Q\n20140404,goog,Q\n20501231,goox,Q\n"
    deliver(inbox, "map_files/goog.csv", longer)
    write(inbox / "lean" / "daily" / "goox.zip", daily("goox", ["20140407"]))
    report = stage(inbox, lake)
    assert [(each.table, each.month) for each in report.changes] == [("raw_bars", APRIL)]
    assert [(lake.footer(key).digest, lake.path(key).stat().st_mtime_ns) for key in march] == before
    assert list(sessions(lake, "GOOG")) == ["03-28", "03-31", "04-01", "04-02", "04-03", "04-04",
                                            "04-07"]  # fmt: skip


def test_bars_of_an_unknown_former_owner_are_kept_apart_until_its_map_comes(
    inbox: Path, lake: Lake
):
    deliver(inbox, "map_files/goog.csv", GOOG_NOW)
    stage(inbox, lake)
    assert list(sessions(lake, "GOOG.UNMAPPED")) == ["03-28", "03-31", "04-01", "04-02"]
    deliver(inbox, "map_files/googl.csv", GOOGL)
    stage(inbox, lake)
    assert sessions(lake, "GOOG.UNMAPPED", "raw_bars") == {}
    assert sessions(lake, "GOOG.UNMAPPED") == {}
    assert list(sessions(lake, "GOOGL")) == ["03-28", "03-31", "04-01", "04-02", "04-03"]


def test_contested_bars_wait_until_a_map_is_corrected(inbox: Path, lake: Lake):
    deliver(inbox, "map_files/goog.csv", GOOG_THEN)
    deliver(inbox, "map_files/googl.csv", GOOGL)
    report = stage(inbox, lake)
    (refused,) = report.quarantined
    assert refused.path == "lean/daily/goog.zip"
    assert "two map files claim the ticker GOOG on 2004-08-19: GOOGL and GOOG" in refused.reason
    deliver(inbox, "map_files/goog.csv", GOOG_NOW, 2_000_000_001)
    assert stage(inbox, lake).quarantined == []
    assert len(sessions(lake, "GOOGL")) == 5


def test_factor_files_are_the_instruments_and_actions_files_name_tickers(inbox: Path, lake: Lake):
    deliver(
        inbox, "factor_files/googl.csv", b"20040819,1,0.5,1\n20140402,1,0.5,1135\n20501231,1,1,0\n"
    )
    text = b"symbol,ex_date,kind,value\nGOOG,2014-04-01,dividend,2\nGOOG,2014-04-04,dividend,3\n"
    deliver(inbox, "corporate_actions.csv", text)
    stage(inbox, lake)
    assert [row["value"] for row in lake.read(action_key("lean.GOOG")).to_pylist()] == [2, 3]
    deliver(inbox, "map_files/googl.csv", GOOGL)
    deliver(inbox, "map_files/goog.csv", GOOG_NOW)
    stage(inbox, lake)
    assert [row["value"] for row in lake.read(action_key("lean.GOOG")).to_pylist()] == [3]
    rows = lake.read(action_key("lean.GOOGL")).to_pylist()
    assert [(row["kind"], row["value"], str(row["ex_date"])) for row in rows] == [
        ("dividend", 2, "2014-04-01"),
        ("split", 2, "2014-04-03"),
    ]
    assert stage(inbox, lake).accepted == []
