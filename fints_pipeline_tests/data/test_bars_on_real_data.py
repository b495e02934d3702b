"""The bars stage on real archives; the numbers are what was measured on them."""

import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.config import load_config
from fints_pipeline.base.frames import to_arrow
from fints_pipeline.data.bars import BarsResult, run
from fints_pipeline.data.calendars import calendar_for, naive_utc
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.schemas.bars import BARS
from fints_pipeline_tests.data.raw import no_actions

pytestmark = pytest.mark.shared_data


def delivered(opened: pd.Series, values: pd.DataFrame) -> pd.DataFrame:
    opened = opened.astype("datetime64[us, UTC]")
    values.columns = ["open", "high", "low", "close", "volume"]
    key = {
        "instrument": "any.ANY",
        "open_time": opened,
        "close_time": opened + pd.Timedelta("1min"),
    }
    delivery = {
        "archive": "a" * 64,
        "source_row": np.arange(1, len(values) + 1),
        "known_at": pd.Timestamp("2025-01-01", tz="UTC").as_unit("us"),
    }
    return values.astype(float).assign(**key, **delivery)


def member(archive: Path) -> pd.DataFrame:
    separator = ";" if "HISTDATA" in archive.name else ","
    with zipfile.ZipFile(archive) as opened:
        (name,) = [n for n in opened.namelist() if n.endswith(".csv")]
        with opened.open(name) as file:
            return pd.read_csv(file, sep=separator, header=None)


def make(project: Path, dataset: str, raw: pd.DataFrame, month: str) -> BarsResult:
    path = project / "configs" / "data" / f"{dataset}.yaml"
    config = load_config(path, DatasetConfig, section="dataset")
    result = run(config, raw, no_actions(), "any.ANY", month)
    for frame in result.frames.values():
        BARS.validate(to_arrow(frame, BARS.arrow_schema))
    assert result.quality.conserves()
    return result


def binance(shared_data: Path, month: str) -> pd.DataFrame:
    rows = member(shared_data / "binance" / f"BTCUSDT-1m-{month}.zip")
    return delivered(pd.to_datetime(rows[0], unit="ms", utc=True), rows[[1, 2, 3, 4, 5]].copy())


def test_the_outage_of_march_2023(project: Path, shared_data: Path):
    result = make(project, "binance", binance(shared_data, "2023-03"), "2023-03")
    quality = result.quality
    assert (quality.rows_in, quality.rejected) == (44_560, 0)
    # 80 minutes are missing; the first 60 are filled, the rest stays a hole.
    assert (quality.longest_gap, quality.filled, quality.holes) == (80, 60, 20)
    assert quality.partial_sessions == ("2023-03-24",)
    # Before those, the exchange itself gives 72 bars in which nothing traded.
    assert quality.count("zero_volume") == 72
    bars = result.frames["1m"]
    still = bars[bars["volume"] == 0].groupby("is_filled")["open_time"].agg(["min", "max"])
    clocks = still.apply(lambda column: column.dt.strftime("%d %H:%M"))
    assert clocks.loc[False].tolist() == ["24 11:28", "24 12:39"]
    assert clocks.loc[True].tolist() == ["24 12:40", "24 13:39"]
    assert {name: len(frame) for name, frame in result.frames.items()} == {
        "1m": 44_620,
        "5m": 8_924,
        "30m": 1_488,
        "1D": 31,
    }


@pytest.mark.parametrize(("month", "days"), [("2023-01", 31), ("2023-02", 28), ("2023-06", 30)])
def test_a_quiet_month_is_whole(project: Path, shared_data: Path, month: str, days: int):
    result = make(project, "binance", binance(shared_data, month), month)
    quality = result.quality
    assert (quality.rows_in, quality.rejected, quality.filled, quality.holes) == (
        days * 1440, 0, 0, 0,
    )  # fmt: skip
    assert {name: len(frame) for name, frame in result.frames.items()} == {
        "1m": days * 1440,
        "5m": days * 288,
        "30m": days * 48,
        "1D": days,
    }


def test_eurusd_2018(project: Path, shared_data: Path):
    rows = member(shared_data / "histdata" / "HISTDATA_COM_ASCII_EURUSD_M12018.zip")
    wall = pd.to_datetime(rows[0], format="%Y%m%d %H%M%S")
    opened = wall.dt.tz_localize("America/New_York").dt.tz_convert("UTC")
    raw = delivered(opened, rows[[1, 2, 3, 4, 5]].copy())
    months = calendar_for("fx_24_5").trading_day(naive_utc(opened)).astype("datetime64[M]")
    found = {
        str(month): make(project, "histdata", raw[months == month], str(month)).quality
        for month in np.unique(months)
    }
    assert list(found) == [f"2018-{month:02d}" for month in range(1, 13)]
    assert sum(q.rows_in for q in found.values()) == 372_607
    # Every row lies inside the week's sessions, which it would not on another clock.
    assert sum(q.rejected for q in found.values()) == 0
    assert {month: (q.filled, q.holes) for month, q in found.items()} == {
        "2018-01": (33, 0), "2018-02": (46, 1), "2018-03": (111, 0), "2018-04": (159, 1),
        "2018-05": (120, 0), "2018-06": (48, 0), "2018-07": (80, 0), "2018-08": (87, 1),
        "2018-09": (79, 0), "2018-10": (57, 0), "2018-11": (81, 2), "2018-12": (99, 788),
    }  # fmt: skip
    # New Year's Day is no session; Christmas opened late and closed early.
    assert not any(q.empty_sessions for q in found.values())
    assert found["2018-12"].partial_sessions == ("2018-12-25", "2018-12-26")
    assert found["2018-12"].longest_gap == 841
    assert sum(q.sessions for q in found.values()) == 260


def test_eurusd_declared_in_another_zone_falls_out_of_the_sessions(
    project: Path, shared_data: Path
):
    """HistData documents EST without daylight saving; in summer that is an hour off."""
    rows = member(shared_data / "histdata" / "HISTDATA_COM_ASCII_EURUSD_M12018.zip")
    july = rows[rows[0].str.startswith("201807")].reset_index(drop=True)
    wall = pd.to_datetime(july[0], format="%Y%m%d %H%M%S")
    opened = wall.dt.tz_localize("Etc/GMT+5").dt.tz_convert("UTC")
    quality = make(
        project, "histdata", delivered(opened, july[[1, 2, 3, 4, 5]].copy()), "2018-07"
    ).quality
    assert quality.count("out_of_session") > 200


@pytest.mark.parametrize(
    ("month", "sessions", "half_days"),
    [("2024-07", 22, 1), ("2024-11", 20, 1), ("2024-12", 21, 1), ("2024-10", 23, 0)],
)
def test_spy_outside_of_the_sessions_is_rejected(
    project: Path, shared_data: Path, month: str, sessions: int, half_days: int
):
    rows = pd.read_parquet(shared_data / "equity_1m" / "SPY_1m.parquet")
    columns = ["open", "high", "low", "close", "volume"]
    inside = rows["timestamp"].dt.strftime("%Y-%m") == month
    raw = delivered(rows["timestamp"], rows[columns].copy())[inside]
    config = DatasetConfig(
        name="spy", format="any", calendar="XNYS", asset_class="equity", ticks={"SPY": 0.01}
    )
    result = run(config, raw, no_actions(), "spy.SPY", month)
    quality = result.quality
    assert quality.conserves()
    # Every scheduled minute is there; of a half-day 210, of the other sessions 390.
    minutes = (sessions - half_days) * 390 + half_days * 210
    assert (quality.rows_out, quality.filled, quality.holes) == (minutes, 0, 0)
    assert quality.empty_sessions == ()
    assert quality.count("out_of_session") == quality.rejected == len(raw) - minutes
    assert len(result.frames["1D"]) == sessions
    assert len(result.frames["30m"]) == (sessions - half_days) * 13 + half_days * 7
    # The bar at 16:00 of every session, and whatever follows 13:00 on a half-day.
    late = pd.Series(raw["open_time"].dt.tz_convert("America/New_York").dt.strftime("%H:%M"))
    assert quality.rejected >= (late == "16:00").sum() >= sessions - half_days
