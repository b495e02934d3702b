"""Bars from loose Parquet and CSV files, in the columns that the tokenizer reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.base.errors import FormatError

PRICES = ("open", "high", "low", "close")
TIMES = ("open_time", "timestamp", "datetime", "time", "date")
READERS: dict[str, Callable[[Path], pd.DataFrame]] = {
    ".parquet": lambda path: pd.read_parquet(path),
    ".csv": lambda path: pd.read_csv(path),
    ".gz": lambda path: pd.read_csv(path),
}
#: From (T,) UTC open times to (T,) trading days.
TradingDay = Callable[[NDArray[np.datetime64]], NDArray[np.datetime64]]


def bar_files(path: Path) -> list[Path]:
    """Return the bar files that a path names: itself, or the ones in its folder, sorted.

    Raises:
        FormatError: there are none.
    """
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise FormatError("no such file or folder", where=str(path), fix="check the path")
    found = sorted(file for file in path.iterdir() if file.suffix.lower() in READERS)
    if not found:
        raise FormatError(
            "the folder holds no bar files",
            where=str(path),
            fix="give a folder of .parquet, .csv or .csv.gz files, or a lake's root",
        )
    return found


def read_bars(path: Path, trading_day: TradingDay) -> pd.DataFrame:
    """Read one file of bars.

    Args:
        path: Columns open, high, low, close and a time of opening (open_time, timestamp, datetime,
            time or date; naive stamps are UTC, integers are milliseconds since 1970); optionally
            close_time, session, instrument, is_filled and split_factor. Case does not matter.
        trading_day: Gives sessions where the file has none.

    Returns:
        Bars ascending in time. Where the file has no close_time, a bar lasts as long as the
        commonest step between bars; where it has no instrument, it is the file's name.

    Raises:
        FormatError: the file cannot be read, or a column is missing or not of its kind.
    """
    bars = _read(path)
    bars.columns = [str(name).strip().lower() for name in bars.columns]
    missing = [name for name in PRICES if name not in bars]
    time = next((name for name in TIMES if name in bars), None)
    if missing or time is None:
        raise FormatError(
            f"columns are missing: {', '.join([*missing, *([] if time else ['a time'])])}",
            where=f"{path} has {', '.join(bars.columns)}",
            fix=f"prices are called {', '.join(PRICES)}; the time is one of {', '.join(TIMES)}",
        )
    bars["open_time"] = _stamps(bars[time], path)
    bars = bars.sort_values("open_time", kind="stable", ignore_index=True)
    bars["close_time"] = _close_times(bars, path)
    if "session" not in bars:
        naive = bars["open_time"].dt.tz_localize(None).to_numpy().astype("datetime64[us]")
        bars["session"] = trading_day(naive).astype("datetime64[us]")
    bars["session"] = _stamps(bars["session"], path).dt.tz_localize(None).dt.normalize()
    if "instrument" not in bars:
        bars["instrument"] = path.name.split(".")[0]
    if "is_filled" not in bars:
        bars["is_filled"] = False
    return bars


def _read(path: Path) -> pd.DataFrame:
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise FormatError(
            f"{path.suffix or 'a file without ending'} is no format of bars",
            where=str(path),
            fix=f"give {', '.join(READERS)}",
        )
    try:
        return reader(path)
    except (OSError, ValueError) as error:
        raise FormatError(f"the file cannot be read: {error}", where=str(path)) from None


def _stamps(column: pd.Series, path: Path) -> pd.Series:
    try:
        if pd.api.types.is_integer_dtype(column):
            stamps = pd.to_datetime(column, utc=True, unit="ms")
        else:
            stamps = pd.to_datetime(column, utc=True)
    except (ValueError, TypeError) as error:
        raise FormatError(
            f"column {column.name!r} holds no times: {error}", where=str(path)
        ) from None
    if stamps.isna().any():
        row = int(np.flatnonzero(stamps.isna())[0])
        raise FormatError(f"column {column.name!r} has no time", where=f"{path}, row {row}")
    return stamps.astype("datetime64[us, UTC]")


def _close_times(bars: pd.DataFrame, path: Path) -> pd.Series:
    if "close_time" in bars:
        return _stamps(bars["close_time"], path)
    steps = bars["open_time"].diff().dropna()
    steps = steps[steps > pd.Timedelta(0)]
    if steps.empty:
        raise FormatError(
            "one bar alone does not show how long it lasts",
            where=str(path),
            fix="add a column close_time",
        )
    return bars["open_time"] + steps.mode().iloc[0]
