"""What labels look ahead at: a trade from the next open on, a value some bars later."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fints_pipeline.base.rolling import FloatArray, log_ratio
from fints_pipeline.labels._prices import adjusted
from fints_pipeline.labels.base import Labelled


def forward_return(bars: pd.DataFrame, horizon: int, within_session: bool) -> Labelled:
    """Return ln(O_{t+1+h} / O_{t+1}) for h = `horizon`, with adjusted opens.

    NaN in the last h + 1 rows; where nothing traded at the open of bar t + 1 or bar t + 1 + h
    (`opens_filled`: a filled or halted bar, or one that begins so), since no order fills there;
    and, `within_session`, where bar t + 1 + h is in another session than t.

    The end is the open_time of bar t + 1 + h, the moment when its open is known.
    """
    count = len(bars)
    value = np.full(count, np.nan)
    end = np.full(count, np.datetime64("NaT"), dtype="datetime64[us]")
    rows = max(0, count - horizon - 1)
    entry, exit_ = slice(1, 1 + rows), slice(1 + horizon, 1 + horizon + rows)

    open_ = adjusted(bars, "open")
    opens_filled = bars["opens_filled"].to_numpy(dtype=np.bool_)
    tradable = ~(opens_filled[entry] | opens_filled[exit_])
    if within_session:
        session = bars["session"].to_numpy()
        tradable &= session[:rows] == session[exit_]

    value[:rows] = np.where(tradable, log_ratio(open_[exit_], open_[entry]), np.nan)
    open_time = bars["open_time"].dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    end[:rows] = np.where(tradable, open_time[exit_], np.datetime64("NaT"))
    return Labelled(value, end)


def name(stem: str, horizon: int, within_session: bool) -> str:
    """Return a column name such as `direction_12`, or `direction_12_session` within sessions."""
    return f"{stem}_{horizon}" + ("_session" if within_session else "")


def ahead_of(values: FloatArray, rows: int) -> FloatArray:
    """Return the value `rows` rows after each row, NaN at the last ones."""
    out = np.full(values.size, np.nan)
    out[: max(0, values.size - rows)] = values[rows:]
    return out


def known_at_close(bars: pd.DataFrame, value: FloatArray, horizon: int) -> Labelled:
    """Return a label that is known at the close of bar t + h, h = `horizon`."""
    close_time = bars["close_time"].dt.tz_localize(None).to_numpy(dtype="datetime64[us]")
    end = np.full(len(bars), np.datetime64("NaT"), dtype="datetime64[us]")
    end[: max(0, len(bars) - horizon)] = close_time[horizon:]
    return Labelled(value, np.where(np.isnan(value), np.datetime64("NaT"), end))
