"""The clock check on real files: HistData's clock is New York's, whatever its vendor says."""

from pathlib import Path

import numpy as np
import pytest

from fints_pipeline.base.lake import Lake
from fints_pipeline.data import archives, partition
from fints_pipeline.data.calendars import calendar_for
from fints_pipeline.data.clock import ClockReport, check_clock
from fints_pipeline.data.formats.custom import Custom
from fints_pipeline.data.formats.histdata_m1 import HistdataM1
from fints_pipeline.data.formats.ibkr_bars import IbkrBars
from fints_pipeline.data.source_file import SourceFile
from fints_pipeline.data.staging import stage_inbox
from fints_pipeline_tests.data.datasets import histdata

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def eurusd(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = shared_data / "histdata" / "HISTDATA_COM_ASCII_EURUSD_M12018.zip"
    staged = archives.stage(path, tmp_path_factory.mktemp("staging"))
    return staged.path(staged.members[0])


def histdata_read_as(path: Path, zone: str) -> ClockReport:
    table = HistdataM1().read(SourceFile(path, "x.csv", "x.zip", zone)).table
    opened = table.column("open_time").to_numpy().astype("datetime64[us]")
    widths = table.column("high").to_numpy() - table.column("low").to_numpy()
    return check_clock(opened, widths, calendar_for("fx_24_5"), zone)


def test_histdata_fits_new_york(eurusd: Path):
    report = histdata_read_as(eurusd, "America/New_York")
    assert report.passed
    assert all(season.inside > 0.9999 for season in report.evidence[0].seasons)


@pytest.mark.parametrize("zone", ["EST", "UTC", "Europe/Athens"])
def test_histdata_in_any_other_zone_is_found_out(eurusd: Path, zone: str):
    report = histdata_read_as(eurusd, zone)
    assert (report.passed, report.suggested) == (False, "America/New_York")


def test_est_is_an_hour_off_in_summer_alone(eurusd: Path):
    summer, winter = histdata_read_as(eurusd, "EST").evidence[0].seasons
    assert (summer.first, summer.last, winter.first, winter.last) == (60, 60, 0, 0)


def test_each_month_by_itself_is_found_out(shared_data: Path, tmp_path: Path, lake: Lake):
    """A month has four weekends, too few: its neighbours count as well."""
    name = "HISTDATA_COM_ASCII_EURUSD_M12018.zip"
    (tmp_path / name).symlink_to(shared_data / "histdata" / name)
    wrong = histdata(timezone="EST")
    stage_inbox(tmp_path, lake, [wrong])
    reports = {
        month: partition.clock(lake, wrong, "histdata.EURUSD", month)
        for month in ("2018-01", "2018-07", "2018-11")
    }
    assert [report.passed for report in reports.values()] == [True, False, False]
    assert reports["2018-07"].suggested == "America/New_York"


def test_equities_fit_utc_and_no_other_zone(shared_data: Path):
    names = {name: name for name in ("open", "high", "low", "close", "volume")}
    form = Custom.model_validate({"columns": {"time": "timestamp", **names}})
    spy = SourceFile(shared_data / "equity_1m" / "SPY_1m.parquet", "SPY_1m.parquet", "x")
    ibkr = SourceFile(shared_data / "equity_1m" / "ibkr_QQQ_1min.parquet", "x", "x")
    for table in (form.read(spy).table, IbkrBars().read(ibkr).table):
        opened = table.column("open_time").to_numpy().astype("datetime64[us]")
        volume = table.column("volume").to_numpy()
        assert check_clock(opened, volume, calendar_for("XNYS"), "UTC").passed
        shifted = opened - np.timedelta64(60, "m")
        assert not check_clock(shifted, volume, calendar_for("XNYS"), "UTC").passed
