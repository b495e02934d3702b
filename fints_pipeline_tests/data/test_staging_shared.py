"""Real archives through the inbox."""

import time
from pathlib import Path

import numpy as np
import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline.base.time import months_between
from fints_pipeline.data import archives
from fints_pipeline.data.formats.histdata_m1 import HistdataM1
from fints_pipeline.data.slices import FREQUENCY, RAW_BARS, slices
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline_tests.data.datasets import binance, histdata

pytestmark = pytest.mark.shared_data

MINUTES_BY_MONTH = {"2023-01": 44640, "2023-02": 40320, "2023-03": 44560, "2023-04": 43200,
                    "2023-05": 44640, "2023-06": 43200}  # fmt: skip


def test_binance_half_a_year(shared_data: Path, lake: Lake):
    report = stage_inbox(shared_data / "binance", lake, [binance()])
    assert [each.verified for each in report.accepted] == [True] * 6
    assert report.counts["quarantined"] == report.counts["ignored"] == 0
    rows = {change.month: change.rows for change in report.changes}
    # March lacks the 80 minutes of the outage of the 24th.
    assert rows == MINUTES_BY_MONTH
    table = lake.read_range(RAW_BARS, FREQUENCY, "binance.BTCUSDT", "2023-01", "2023-06")
    opened = np.sort(table.column("open_time").to_numpy())
    gaps = np.flatnonzero(np.diff(opened) != np.timedelta64(1, "m"))
    assert [str(opened[gap])[:16] for gap in gaps] == ["2023-03-24T12:39"]
    again = stage_inbox(shared_data / "binance", lake, [binance()])
    assert (again.counts["unchanged"], again.changes) == (6, [])


def test_histdata_year(shared_data: Path, lake: Lake, tmp_path: Path):
    name = "HISTDATA_COM_ASCII_EURUSD_M12018.zip"
    inbox = tmp_path / "inbox" / "histdata"
    inbox.mkdir(parents=True)
    (inbox / name).symlink_to(shared_data / "histdata" / name)
    report = stage_inbox(inbox.parent, lake, [binance(), histdata()])
    assert (report.counts["accepted"], report.counts["rows_read"]) == (1, 372_607)
    assert list(report.slices) == [
        ("histdata.EURUSD", month) for month in months_between("2018-01", "2018-12")
    ]
    assert sum(change.rows for change in report.changes) == 372_607
    table = lake.read_range(RAW_BARS, FREQUENCY, "histdata.EURUSD", "2018-01", "2018-12")
    assert table.column("source_row").to_pylist() == list(range(1, 372_608))
    assert table.column("volume").null_count == table.num_rows
    opened = table.column("open_time").to_numpy()
    assert str(opened[0])[:16] == "2018-01-01T22:00"
    # The first payrolls minutes of 2018, 08:30 in New York, are the widest of their hour.
    width = table.column("high").to_numpy() - table.column("low").to_numpy()
    for minute in ("2018-01-05T13:30", "2018-07-06T12:30"):
        at = int(np.searchsorted(opened, np.datetime64(minute)))
        assert str(opened[at])[:16] == minute
        assert at == at - 30 + int(np.argmax(width[at - 30 : at + 30]))
    assert slices(lake) == report.slices


def test_histdata_year_is_parsed_in_about_a_second(shared_data: Path, tmp_path: Path):
    path = shared_data / "histdata" / "HISTDATA_COM_ASCII_EURUSD_M12018.zip"
    staged = archives.stage(path, tmp_path)
    member = staged.members[0]
    file = SourceFile(staged.path(member), member.name, path.name, "America/New_York")
    started = time.process_time()
    assert HistdataM1().read(file).table.num_rows == 372_607
    assert time.process_time() - started < 4
