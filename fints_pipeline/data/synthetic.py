"""A small SYNTHETIC market in Binance's archive layout: three made-up symbols on a real calendar.

Nothing here is market data. The demo and the tests run on it, because its truth is known:

- EDGE carries a weak momentum edge: its drift is a hidden AR(1) state with a half-life of 90
  minutes and a standard deviation of κ = 0.16 of the volatility (price_paths.py has the formula).
- WALKA and WALKB are martingales: nothing predicts them, and a good pipeline says so.
- New York Stock Exchange sessions, with the half-days that really fell into the months.
- WALKA misses 40 minutes of one session; WALKB splits 2:1; one archive of WALKA, from the month
  before the others, is broken (its CRC is wrong) and belongs into quarantine.

The same seed and months give the same bytes.
"""

import hashlib
import os
import zipfile
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from pathlib import Path

import exchange_calendars
import numpy as np
import pandas as pd

from fints_pipeline.base.time import months_between, next_month, previous_month
from fints_pipeline.data.price_paths import PathModel, simulate

DATASET = "synthetic"
CALENDAR = "XNYS"
TICK = 0.01
FIRST_MONTH, LAST_MONTH = "2024-07", "2024-12"
EDGE_SYMBOL, EDGE = "EDGE", 0.16
SYMBOLS = {
    EDGE_SYMBOL: PathModel(start=100.0, edge=EDGE),
    "WALKA": PathModel(start=64.0),
    "WALKB": PathModel(start=220.0),
}
# The split and the hole fall into the same place of any choice of months: the second one's
# sixth session, and the third one's tenth (both are left out where the months are fewer).
SPLIT_SYMBOL, SPLIT_RATIO, SPLIT_MONTH, SPLIT_SESSION = "WALKB", 2.0, 1, 5
HOLE_SYMBOL, HOLE_MONTH, HOLE_SESSION, HOLE_START, HOLE_MINUTES = "WALKA", 2, 9, 120, 40


@dataclass(frozen=True)
class SyntheticMarket:
    """What was written, and the truth about it.

    Attributes:
        folder: holds the archives, their checksum files and the corporate actions.
        months: of the good archives, ascending.
        archives: the good ones.
        broken: the archive with the wrong CRC.
        actions: CSV of the splits, symbol, ex_date, kind, value.
        split_date: ex-date of SPLIT_SYMBOL's split; None where the months hold none.
        hole: first and last missing minute of HOLE_SYMBOL, open times in UTC; None likewise.
        paths: per symbol every simulated minute, with the hidden `drift` and `sigma`, in prices
            that no split has touched (see price_paths.simulate).
    """

    folder: Path
    months: tuple[str, ...]
    archives: tuple[Path, ...]
    broken: Path
    actions: Path
    split_date: date | None
    hole: tuple[pd.Timestamp, pd.Timestamp] | None
    paths: dict[str, pd.DataFrame]


def make_market(
    folder: Path,
    seed: int = 0,
    first_month: str = FIRST_MONTH,
    last_month: str = LAST_MONTH,
    edge: float = EDGE,
) -> SyntheticMarket:
    """Write the archives of a synthetic market into `folder` (made where absent).

    Args:
        folder: where SYMBOL-1m-YYYY-MM.zip, .zip.CHECKSUM and corporate_actions.csv go.
        seed: of every random number.
        first_month: of the sessions, as "2024-07".
        last_month: inclusive.
        edge: κ of EDGE_SYMBOL; 0 makes all three symbols martingales.
    """
    folder.mkdir(parents=True, exist_ok=True)
    months = tuple(months_between(first_month, last_month))
    sessions = scheduled_sessions(months[0], months[-1])
    paths = simulate_market(sessions, seed, edge)
    split_date = _nth_session(sessions, months, SPLIT_MONTH, SPLIT_SESSION)
    hole = _hole(sessions, months)
    archives = []
    for symbol, path in paths.items():
        bars = _delivered(symbol, path, split_date, hole)
        for month, rows in bars.groupby(bars["session"].dt.strftime("%Y-%m")):
            archives.append(_write_archive(folder, symbol, str(month), rows))
    extra = previous_month(months[0])
    rows = simulate(SYMBOLS[HOLE_SYMBOL], scheduled_sessions(extra, extra), _generator(seed, 99))
    broken = _write_archive(folder, HOLE_SYMBOL, extra, rows, broken=True)
    actions = _write_actions(folder, split_date, months[0])
    return SyntheticMarket(
        folder, months, tuple(archives), broken, actions, split_date, hole, paths
    )


def simulate_market(
    sessions: pd.DataFrame, seed: int, edge: float = EDGE
) -> dict[str, pd.DataFrame]:
    """Return every symbol's simulated minutes, hidden columns included; see price_paths."""
    models = {**SYMBOLS, EDGE_SYMBOL: replace(SYMBOLS[EDGE_SYMBOL], edge=edge)}
    return {
        symbol: simulate(model, sessions, _generator(seed, position), TICK)
        for position, (symbol, model) in enumerate(models.items())
    }


def scheduled_sessions(first_month: str, last_month: str) -> pd.DataFrame:
    """Return the exchange's sessions of whole months: session, session_open, session_close."""
    first = pd.Timestamp(f"{first_month}-01")
    end = pd.Timestamp(f"{next_month(last_month)}-01")
    calendar = exchange_calendars.get_calendar(CALENDAR, start=first, end=end)
    schedule = calendar.schedule.loc[first : end - pd.Timedelta(days=1)]
    return pd.DataFrame(
        {
            "session": schedule.index.to_numpy(),
            "session_open": schedule["open"].array,
            "session_close": schedule["close"].array,
        }
    )


def _generator(seed: int, stream: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, stream]))


def _nth_session(
    sessions: pd.DataFrame, months: tuple[str, ...], month: int, position: int
) -> date | None:
    """Return the session at `position` of the month at index `month`, None beyond the months."""
    if month >= len(months):
        return None
    of_month = sessions.loc[sessions["session"].dt.strftime("%Y-%m") == months[month], "session"]
    day: date = of_month.iloc[position].date()
    return day


def _hole(
    sessions: pd.DataFrame, months: tuple[str, ...]
) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Return the open times of the first and the last missing minute."""
    day = _nth_session(sessions, months, HOLE_MONTH, HOLE_SESSION)
    if day is None:
        return None
    opened = sessions.loc[sessions["session"] == pd.Timestamp(day), "session_open"].iloc[0]
    first = opened + pd.Timedelta(minutes=HOLE_START)
    return first, first + pd.Timedelta(minutes=HOLE_MINUTES - 1)


def _delivered(
    symbol: str,
    path: pd.DataFrame,
    split_date: date | None,
    hole: tuple[pd.Timestamp, pd.Timestamp] | None,
) -> pd.DataFrame:
    """Return the bars as an exchange would deliver them: raw prices after a split, the hole."""
    bars = path
    if symbol == SPLIT_SYMBOL and split_date is not None:
        bars = path.copy()
        after = bars["session"] >= pd.Timestamp(split_date)
        for column in ("open", "high", "low", "close"):
            ticks = np.round(bars.loc[after, column] / SPLIT_RATIO / TICK)
            bars.loc[after, column] = np.round(ticks * TICK, 8)
        bars.loc[after, "volume"] *= SPLIT_RATIO
    if symbol == HOLE_SYMBOL and hole is not None:
        bars = bars[~bars["open_time"].between(*hole)]
    return bars


def _write_archive(
    folder: Path, symbol: str, month: str, bars: pd.DataFrame, broken: bool = False
) -> Path:
    """Write one month as Binance does: a zip of one CSV without header, and its checksum file.

    The modification time is the second of the next month, when such an archive would appear: it
    is the time from which the rows count as known.
    """
    name = f"{symbol}-1m-{month}"
    path = folder / f"{name}.zip"
    year, number = map(int, next_month(month).split("-"))
    member = zipfile.ZipInfo(f"{name}.csv", date_time=(year, number, 2, 0, 0, 0))
    member.create_system = 3  # the same bytes on every platform
    member.compress_type = zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(member, _csv(bars))
        crc = archive.getinfo(member.filename).CRC
    if broken:
        wrong = (crc ^ 0xFFFFFFFF).to_bytes(4, "little")
        path.write_bytes(path.read_bytes().replace(crc.to_bytes(4, "little"), wrong))
    checksum = folder / f"{name}.zip.CHECKSUM"
    checksum.write_text(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n")
    for written in (path, checksum):
        _set_time(written, datetime(year, number, 2, tzinfo=UTC))
    return path


def _csv(bars: pd.DataFrame) -> str:
    """Return the 12 columns of Binance's klines, times in milliseconds."""
    opened = bars["open_time"].dt.tz_convert(None).to_numpy("datetime64[ms]").astype(np.int64)
    price = bars["close"].to_numpy()
    columns = (
        opened.tolist(),
        *(bars[name].tolist() for name in ("open", "high", "low", "close", "volume")),
        (opened + 59_999).tolist(),
        (bars["volume"].to_numpy() * price).tolist(),
        bars["trades"].tolist(),
        (bars["volume"].to_numpy() / 2).tolist(),
        (bars["volume"].to_numpy() * price / 2).tolist(),
    )
    line = "%d,%.8f,%.8f,%.8f,%.8f,%.8f,%d,%.8f,%d,%.8f,%.8f,0\n"
    return "".join(line % row for row in zip(*columns, strict=True))


def _write_actions(folder: Path, split_date: date | None, first_month: str) -> Path:
    """Write the splits, known from the day before the first month on."""
    path = folder / "corporate_actions.csv"
    rows = [] if split_date is None else [f"{SPLIT_SYMBOL},{split_date},split,{SPLIT_RATIO}\n"]
    path.write_text("".join(["symbol,ex_date,kind,value\n", *rows]))
    year, number = map(int, first_month.split("-"))
    _set_time(path, datetime(year, number, 1, tzinfo=UTC))
    return path


def _set_time(path: Path, time: datetime) -> None:
    os.utime(path, (time.timestamp(), time.timestamp()))
