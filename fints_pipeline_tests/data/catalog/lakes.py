"""Small lakes: a few bars a session, written straight into the table, whatever columns it has."""

import json

import numpy as np
import pandas as pd
import pyarrow as pa

from fints_pipeline.base.frames import to_arrow
from fints_pipeline.base.lake import ArrowContract, Footer, Lake, Lineage, series_key
from fints_pipeline.base.time import minutes
from fints_pipeline.schemas.bars import BARS
from fints_pipeline.schemas.raw_bars import RAW_BARS

NO_INPUTS = Lineage("1", "config", {})
# Names and types without the checks, as the training path writes: quick, and as good to read.
QUICK_BARS = ArrowContract("bars", BARS.arrow_schema)
_VALUES = {"volume": 10.0, "split_factor": 1.0}


def bars_frame(
    instrument: str, freq: str, month: str, sessions: int = 3, bars: int = 4, seed: int = 0
) -> pd.DataFrame:
    """Return the first ``bars`` bars of the month's first ``sessions`` days, UTC sessions."""
    rng = np.random.default_rng(seed)
    length = pd.Timedelta(minutes=minutes(freq))
    bars = 1 if freq == "1D" else bars
    days = pd.date_range(f"{month}-01", periods=sessions, unit="us")
    opens = [day.tz_localize("UTC") + k * length for day in days for k in range(bars)]
    frame = pd.DataFrame({"instrument": instrument, "open_time": pd.Series(opens)})
    frame["open_time"] = frame["open_time"].astype("datetime64[us, UTC]")
    frame["close_time"] = frame["open_time"] + length
    frame["session"] = frame["open_time"].dt.tz_localize(None).dt.normalize()
    frame["session_open"] = frame["open_time"].dt.normalize()
    frame["session_close"] = frame["session_open"] + pd.Timedelta("1D")
    close = (100 * np.exp(np.cumsum(rng.normal(0, 0.001, len(frame))))).round(4)
    frame = frame.assign(open=close, high=close + 0.5, low=close - 0.5, close=close)
    for field in BARS.arrow_schema:
        if field.name not in frame:
            is_flag = pa.types.is_boolean(field.type)
            frame[field.name] = False if is_flag else _VALUES.get(field.name, 1.0)
    return frame[BARS.arrow_schema.names]


def write_bars(
    lake: Lake,
    instrument: str,
    freq: str,
    month: str,
    *,
    seed: int = 0,
    sessions: int = 3,
    quality: dict[str, object] | None = None,
    lineage: Lineage = NO_INPUTS,
) -> Footer:
    frame = bars_frame(instrument, freq, month, sessions, seed=seed)
    notes = {"quality": json.dumps(quality)} if quality else None
    key = series_key("bars", freq, instrument, month)
    return lake.write(key, to_arrow(frame, BARS.arrow_schema), QUICK_BARS, lineage, notes=notes)


def write_raw(
    lake: Lake, instrument: str, month: str, rows: pd.DataFrame, lineage: Lineage = NO_INPUTS
) -> Footer:
    """Write raw rows that name ``known_at`` and ``archive`` themselves."""
    table = to_arrow(rows, RAW_BARS.arrow_schema)
    return lake.write(series_key("raw_bars", "1m", instrument, month), table, RAW_BARS, lineage)
