"""Values of an exogenous series on bars, as of each bar's close."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.schemas.exogenous import EXOGENOUS_KEY

_NO_LAG = timedelta(0)


def join(
    bars: pd.DataFrame,
    series: pd.DataFrame,
    lag: timedelta = _NO_LAG,
    max_age: timedelta | None = None,
) -> pd.DataFrame:
    """Return, for each bar, the newest period's values that were known by its close.

    Causal: row t uses values with ``known_at + lag <= close_time`` of bar t. Of the periods known
    by then the latest counts, and of its values the last restatement; a late restatement of an
    older period changes nothing.

    Args:
        bars: Any frame with ``close_time`` (UTC), in any order.
        series: Rows of the table ``exogenous``: ``period_end``, ``known_at`` and values, in any
            order.
        lag: Time that passes between publication and use.
        max_age: How long after ``known_at`` a value is carried forward; None for ever.

    Returns:
        A frame with the index of ``bars``: a float64 column each value, NaN where none is known or
        the last is too old, and ``known_at``, NaT there.

    Raises:
        SchemaError: a column is missing, or ``lag`` is negative.
    """
    _check(bars, series, lag)
    values = [name for name in series.columns if name not in EXOGENOUS_KEY]
    newest = _newest_period_first_known(series)
    known = _microseconds(newest["known_at"])
    close = _microseconds(bars["close_time"])
    row = np.searchsorted(known + _count(lag), close, side="right") - 1
    found = row >= 0
    row = np.where(found, row, 0)
    if max_age is not None and len(known):
        found &= close - known[row] <= _count(max_age)
    joined = {name: _taken(newest[name].to_numpy(np.float64), row, found) for name in values}
    stamps = np.full(len(close), np.datetime64("NaT", "us"))
    stamps[found] = known[row[found]].astype("datetime64[us]")
    known_at = pd.Series(stamps, index=bars.index).dt.tz_localize("UTC")
    return pd.DataFrame({**joined, "known_at": known_at}, index=bars.index)


def _newest_period_first_known(series: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that were the newest period's newest value when they became known."""
    ordered = series.sort_values(["known_at", "period_end"], kind="stable")
    newest = ordered["period_end"] >= ordered["period_end"].cummax()
    return ordered[newest]


def _taken(
    values: npt.NDArray[np.float64], row: npt.NDArray[np.int64], found: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    taken = np.full(len(row), np.nan)
    taken[found] = values[row[found]]
    return taken


def _microseconds(stamps: pd.Series) -> npt.NDArray[np.int64]:
    return stamps.astype("datetime64[us, UTC]").to_numpy("datetime64[us]").astype(np.int64)


def _count(length: timedelta) -> int:
    return length // timedelta(microseconds=1)


def _check(bars: pd.DataFrame, series: pd.DataFrame, lag: timedelta) -> None:
    if lag < _NO_LAG:
        raise SchemaError(f"a publication lag of {lag} would look ahead", fix="give 0 or more")
    for frame, name in ((bars, "close_time"), (series, "known_at"), (series, "period_end")):
        if name not in frame.columns:
            raise SchemaError(f"column {name!r} is missing", where=f"has {list(frame.columns)}")
