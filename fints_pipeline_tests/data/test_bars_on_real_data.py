"""The bars stage on real archives; the numbers are what was measured on them."""

import tarfile
import zipfile
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest

from fints_pipeline.base.config import load_config
from fints_pipeline.data.bars import BarsResult
from fints_pipeline.data.calendars import calendar_for, naive_utc
from fints_pipeline.data.config import DatasetConfig
from fints_pipeline.schemas.bars import BARS
from fints_pipeline_tests.data.raw import no_actions, run

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


def make(
    project: Path, dataset: str, raw: pd.DataFrame, month: str, instrument: str = "any.ANY"
) -> BarsResult:
    path = project / "configs" / "data" / f"{dataset}.yaml"
    config = load_config(path, DatasetConfig, section="dataset")
    result = run(config, raw, no_actions(), instrument, month)
    for table in result.tables.values():
        BARS.validate(table)
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
    # It is one outage.
    assert (quality.halts, quality.halted_minutes) == (1, 152)
    assert quality.longest_halts == ("2023-03-24 11:28 to 14:00 UTC, 152 minutes",)
    minute = result.frames["1m"]
    assert minute["is_halted"].sum() == minute["opens_filled"].sum() == 72 + 60
    five = result.frames["5m"]
    shut = five.loc[five["opens_filled"], "open_time"].dt.strftime("%d %H:%M")
    assert (len(shut), shut.iloc[0], shut.iloc[-1]) == (26, "24 11:30", "24 13:35")
    partial = five.loc[five["partial_so_far"], "open_time"].dt.strftime("%d %H:%M")
    assert (partial.iloc[0], partial.iloc[-1], len(partial)) == ("24 14:00", "24 23:55", 120)
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


def test_suspects_are_few(project: Path, shared_data: Path):
    """Six months of BTCUSDT: one bar in 16 000 has a price far outside, four have a volume so."""
    found = {}
    for month in range(1, 7):
        name = f"2023-{month:02d}"
        quality = make(project, "binance", binance(shared_data, name), name).quality
        found[name] = (quality.count("bad_tick"), quality.count("volume_anomaly"))
    assert found == {
        "2023-01": (4, 4), "2023-02": (0, 0), "2023-03": (1, 0),
        "2023-04": (4, 0), "2023-05": (3, 0), "2023-06": (4, 0),
    }  # fmt: skip


def test_the_index_cfds_pauses_are_no_holes(project: Path, shared_data: Path):
    rows = member(shared_data / "histdata" / "HISTDATA_COM_ASCII_SPXUSD_M12018.zip")
    wall = pd.to_datetime(rows[0], format="%Y%m%d %H%M%S")
    opened = wall.dt.tz_localize("America/New_York").dt.tz_convert("UTC")
    raw = delivered(opened, rows[[1, 2, 3, 4, 5]].copy())
    months = calendar_for("us_index_cfd").trading_day(naive_utc(opened)).astype("datetime64[M]")
    own, fx = (
        [
            make(project, "histdata", raw[months == month], str(month), f"any.{symbol}").quality
            for month in np.unique(months)
        ]
        for symbol in ("SPXUSD", "EURUSD")
    )
    assert sum(q.rows_in for q in own) == 310_381
    # The closing prints at 13:00, 13:15, 16:15 and 17:00, and the half hour of New Year's Day.
    assert sum(q.rejected for q in own) == 240
    assert not any(q.empty_sessions for q in own)
    assert sum(q.sessions for q in own) == 258
    # By the calendar of currencies every afternoon would be a halt, and every session partial.
    assert (sum(q.holes for q in own), sum(q.holes for q in fx)) == (693, 13_939)
    assert (sum(q.halts for q in own), sum(q.halts for q in fx)) == (47, 421)
    # The day of mourning for President Bush, which no calendar foresaw.
    assert own[-1].longest_halts[0] == "2018-12-05 14:31 to 21:15 UTC, 404 minutes"


def daily(
    rows: pd.DataFrame,
    month: str,
    versions: Literal["first_known", "latest"] = "first_known",
    as_of: str | None = None,
) -> BarsResult:
    """Bars of a daily source; no split is on record."""
    config = DatasetConfig(
        name="any", format="any", calendar="XNYS", asset_class="equity", ticks={"*": 0.01},
        base_frequency="1D", frequencies=("1D",), model_frequency="1D",
        versions=versions,
    )  # fmt: skip
    moment = None if as_of is None else pd.Timestamp(as_of, tz="UTC").to_pydatetime()
    return run(config, rows, no_actions(), "any.ANY", month, moment)


def test_chds_split_shows_in_the_prices(shared_data: Path):
    """Fourteen daily deliveries that overlap; each one's date is when it was known."""
    parts = []
    for archive in sorted((shared_data / "corporate_actions" / "pystock").glob("*.tar.gz")):
        with tarfile.open(archive) as opened:
            file = opened.extractfile("prices.csv")
            assert file is not None
            rows = pd.read_csv(file, dtype={"symbol": str}).query("symbol == 'CHD'")
        stamps = pd.to_datetime(rows["date"]).dt.tz_localize("America/New_York")
        columns = ["open", "high", "low", "close", "volume"]
        part = delivered(stamps.dt.tz_convert("UTC"), rows[columns].copy())
        known_at = pd.Timestamp(archive.name[:8], tz="UTC") + pd.Timedelta("1D")
        parts.append(part.assign(archive=archive.name, known_at=known_at.as_unit("us")))
    raw = pd.concat(parts, ignore_index=True)
    raw = raw[raw["open_time"].dt.strftime("%Y-%m") == "2016-09"]
    result = daily(raw, "2016-09")
    assert result.quality.conserves()
    assert result.frames["1D"]["close"][:2].tolist() == [99.75, 49.970001]
    # Two volumes were restated upwards by the delivery after.
    assert result.quality.count("conflicting_duplicate") == 2
    assert result.frames["1D"]["volume"][1] == 1_006_200
    assert daily(raw, "2016-09", versions="latest").frames["1D"]["volume"][1] == 1_009_100
    assert daily(raw, "2016-09", as_of="2016-09-06").frames["1D"]["volume"].tolist() == [
        1_339_800, 1_006_200,
    ]  # fmt: skip
    assert daily(raw, "2016-09", as_of="2016-09-07").frames["1D"]["volume"][1] == 1_009_100
    (found,) = result.quality.unrecorded_splits
    assert found.startswith("2016-09-02: 99.75 to 50, like a 2:1 split")


def test_aapls_split_of_2014_shows_and_a_recorded_one_is_in_order(shared_data: Path):
    with (
        zipfile.ZipFile(shared_data / "corporate_actions/lean/daily/aapl.zip") as archive,
        archive.open("aapl.csv") as file,
    ):
        rows = pd.read_csv(file, header=None)
    stamps = pd.to_datetime(rows[0], format="%Y%m%d %H:%M").dt.tz_localize("America/New_York")
    values = rows[[1, 2, 3, 4, 5]] * [1e-4, 1e-4, 1e-4, 1e-4, 1.0]
    raw = delivered(stamps.dt.tz_convert("UTC"), values)
    raw = raw[stamps.dt.strftime("%Y-%m") == "2014-06"]
    (found,) = daily(raw, "2014-06").quality.unrecorded_splits
    assert found.startswith("2014-06-09: 645.57 to 92.69, like a 7:1 split; volume x 6")
