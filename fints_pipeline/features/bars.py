"""One instrument's bars as the arrays that features read."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from numba import njit

from fints_pipeline.base.errors import KeyNotFoundError, nearest
from fints_pipeline.base.rolling import BoolArray, FloatArray, log_ratio, previous

TimeArray = npt.NDArray[np.datetime64]
IntArray = npt.NDArray[np.int64]

STAMP = np.dtype("datetime64[us]")
COLUMNS: Mapping[str, np.dtype[Any]] = {
    **dict.fromkeys(("open_time", "close_time", "session", "session_open", "session_close"), STAMP),
    **dict.fromkeys(("open", "high", "low", "close", "volume", "split_factor"), np.dtype("f8")),
    "is_filled": np.dtype(np.bool_),
}
"""Columns of BarsSchema that features may read, and the type in which they read them."""
NEWS = "news_bars"
"""Name of the frame that holds the news counted on the bars, ascending `close_time`."""
NO_TIME = np.iinfo(np.int64).min
"""What `Bars.since_open` holds where the calendar knows no session."""


class Bars:
    """Bars in ascending `open_time`, T rows; every array has shape (T,).

    Prices are split-adjusted: quote currency in units of the first bar. Volume is divided by the
    split factor, NaN where the source has none. Times are naive UTC. What several families derive
    is computed once, when first asked for; no feature may write into these arrays.

    Args:
        columns: the columns of `COLUMNS`, as a frame or as arrays.
        exogenous: frames that are not bars, by name; see `exogenous.Exogenous`, `news.News`.
    """

    def __init__(
        self,
        columns: pd.DataFrame | Mapping[str, npt.NDArray[Any]],
        exogenous: Mapping[str, pd.DataFrame] | None = None,
    ) -> None:
        self._columns = columns
        self._arrays: dict[str, npt.NDArray[Any]] = {}
        self._exogenous = exogenous or {}

    def __len__(self) -> int:
        """Return T."""
        return len(self._columns["open_time"])

    def rows(self, start: int, stop: int) -> Bars:
        """Return rows `start` … `stop` − 1 as bars of their own; nothing is copied."""
        part = {name: self._raw(name)[start:stop] for name in COLUMNS}
        return Bars(part, self._exogenous)

    def exogenous(self, source: str) -> pd.DataFrame:
        """Return the frame of a source that is not bars.

        Raises:
            KeyNotFoundError: the caller has not passed it.
        """
        if source not in self._exogenous:
            raise KeyNotFoundError(
                f"no exogenous series {source!r}",
                fix=nearest(source, self._exogenous) or "pass it as `exogenous={name: frame}`",
            )
        return self._exogenous[source]

    @cached_property
    def open(self) -> FloatArray:
        """First price."""
        return self._price("open")

    @cached_property
    def high(self) -> FloatArray:
        """Highest price."""
        return self._price("high")

    @cached_property
    def low(self) -> FloatArray:
        """Lowest price."""
        return self._price("low")

    @cached_property
    def close(self) -> FloatArray:
        """Last price."""
        return self._price("close")

    @cached_property
    def volume(self) -> FloatArray:
        """Traded volume."""
        return np.ascontiguousarray(self._raw("volume") / self._raw("split_factor"))

    @cached_property
    def previous_close(self) -> FloatArray:
        """C_{t−1}, NaN at row 0."""
        return previous(self.close)

    @cached_property
    def log_return(self) -> FloatArray:
        """ln(C_t / C_{t−1}), NaN at row 0."""
        returns: FloatArray = log_ratio(self.close, self.previous_close)
        return returns

    @cached_property
    def intraday_return(self) -> FloatArray:
        """`log_return`, but ln(C_t / O_t) where `begins_session`: no step between sessions."""
        returns = self.log_return.copy()
        first = np.flatnonzero(self.begins_session)
        returns[first] = log_ratio(self.close[first], self.open[first])
        return returns

    @cached_property
    def squared_return(self) -> FloatArray:
        """Square of `log_return`."""
        return self.log_return * self.log_return

    @cached_property
    def log_range(self) -> FloatArray:
        """ln(H_t / L_t)."""
        log_range: FloatArray = log_ratio(self.high, self.low)
        return log_range

    @cached_property
    def log_body(self) -> FloatArray:
        """ln(C_t / O_t)."""
        log_body: FloatArray = log_ratio(self.close, self.open)
        return log_body

    @cached_property
    def rogers_satchell(self) -> FloatArray:
        """ln(H/C) ln(H/O) + ln(L/C) ln(L/O), the variance term of Rogers and Satchell (1991)."""
        above = log_ratio(self.high, self.close) * log_ratio(self.high, self.open)
        below = log_ratio(self.low, self.close) * log_ratio(self.low, self.open)
        term: FloatArray = above + below
        return term

    @cached_property
    def true_range(self) -> FloatArray:
        """max(H_t, C_{t−1}) − min(L_t, C_{t−1}), NaN at row 0.

        Source: Wilder, New Concepts in Technical Trading Systems (1978).
        """
        before = self.previous_close
        return np.maximum(self.high, before) - np.minimum(self.low, before)

    @cached_property
    def session(self) -> TimeArray:
        """Exchange trading day, as its midnight."""
        return self._raw("session")

    @cached_property
    def begins_session(self) -> BoolArray:
        """Whether the bar before belongs to another session; False at row 0, which has none."""
        begins = np.zeros(len(self), dtype=np.bool_)
        begins[1:] = self.session[1:] != self.session[:-1]
        return begins

    @cached_property
    def session_number(self) -> IntArray:
        """Count of the sessions in the table before the bar's own, 0 in the first."""
        return np.cumsum(self.begins_session, dtype=np.int64)

    @cached_property
    def since_open(self) -> IntArray:
        """Microseconds from the session's scheduled open to the bar's; the smallest int64 for NaT.

        Bars with the same value are in the same slot of their sessions.
        """
        since: IntArray = (self._raw("open_time") - self._raw("session_open")).view(np.int64)
        return since

    @cached_property
    def slot_order(self) -> IntArray:
        """Rows sorted by slot, in the order of time within each slot."""
        order: IntArray = np.argsort(self.since_open, kind="stable").astype(np.int64, copy=False)
        return order

    @cached_property
    def session_phase(self) -> FloatArray:
        """Share of the session's scheduled length that has passed at the open; NaN for NaT."""
        length = (self._raw("session_close") - self._raw("session_open")).view(np.int64)
        phase: FloatArray = _share_of_time(self.since_open, length)
        return phase

    @cached_property
    def close_time(self) -> TimeArray:
        """Time at which the row is known."""
        return self._raw("close_time")

    def _price(self, name: str) -> FloatArray:
        return np.ascontiguousarray(self._raw(name) * self._raw("split_factor"))

    def _raw(self, name: str) -> npt.NDArray[Any]:
        if name not in self._arrays:
            self._arrays[name] = np.asarray(self._columns[name], dtype=COLUMNS[name])
        return self._arrays[name]


@njit(cache=True, error_model="numpy")
def _share_of_time(passed: IntArray, length: IntArray) -> FloatArray:
    """Return passed / length, both in microseconds, by way of seconds; NaN where one is NaT."""
    out = np.full(passed.size, np.nan)
    for t in range(passed.size):
        if passed[t] != NO_TIME and length[t] != NO_TIME:
            out[t] = (passed[t] / 1e6) / (length[t] / 1e6)
    return out
