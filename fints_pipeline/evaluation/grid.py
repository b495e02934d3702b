"""Bars of several instruments on one grid of rows, with what the calendar knows of each row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.market import Bools, Floats, Market, Times


@dataclass(frozen=True)
class Grid:
    """T rows, one for each open time at which any of S instruments has a bar.

    Attributes:
        market: what the kernel trades on; prices are raw mids.
        session: (T,) datetime64[D], exchange trading day.
        own_close_time: (T, S) UTC, when each instrument's bar is known; NaT where it has none. In a
            row it may be earlier than the market's close time, which is the latest of them.
        present: (T, S) whether the instrument has a bar, filled ones included.
        adjusted_close: (T, S) close times split factor.
        volume: (T, S) units traded, as delivered; NaN where none is known.
        bar_of_session: (T, S) bars since the scheduled open of the session; 0 is the first.
        before_last_bar: (T, S) whether the session's last scheduled bar, or its end, comes next.
    """

    market: Market
    session: Times
    own_close_time: Times
    present: Bools
    adjusted_close: Floats
    volume: Floats
    bar_of_session: NDArray[np.int64]
    before_last_bar: Bools

    def between(self, first: np.datetime64, last: np.datetime64) -> Grid:
        """The rows whose session lies between two dates, both included."""
        rows = (self.session >= first) & (self.session <= last)
        own = {name: getattr(self, name)[rows] for name in vars(self) if name != "market"}
        return Grid(market=self.market.rows_where(rows), **own)

    def matrix(self, rows: pd.DataFrame, column: str) -> Floats:
        """(T, S) values of a frame that has `instrument` and `close_time`; NaN elsewhere.

        A row belongs to the bar of its instrument that closes then. Rows whose instrument has no
        such bar on the grid are left out.
        """
        values = np.full(self.present.shape, np.nan)
        for s, symbol in enumerate(self.market.symbols):
            own = rows[rows["instrument"] == symbol]
            times = stamps(own["close_time"])
            bars = np.flatnonzero(~np.isnat(self.own_close_time[:, s]))
            closes = self.own_close_time[bars, s]
            at = np.searchsorted(closes, times)
            found = at < len(closes)
            found[found] = closes[at[found]] == times[found]
            values[bars[at[found]], s] = own[column].to_numpy(float)[found]
        return values


@dataclass(frozen=True)
class Rate:
    """Closes of a conversion instrument: account currency per quote currency.

    Attributes:
        close_time: (n,) UTC ascending, when each rate is known.
        value: (n,) the rate.
    """

    close_time: Times
    value: Floats

    def known_at(self, times: Times) -> Floats:
        """The last rate known at each time; NaN before the first."""
        at = np.searchsorted(self.close_time, times, side="right") - 1
        return np.where(at < 0, np.nan, self.value[np.maximum(at, 0)])


def build_grid(
    bars: Mapping[str, pd.DataFrame],
    bar_minutes: int,
    costs_of: Callable[[str], CostModel],
    rates: Mapping[str, Rate] | None = None,
    dividends: Mapping[str, pd.DataFrame] | None = None,
) -> Grid:
    """Align the instruments' bars.

    Args:
        bars: rows of the bars table by instrument, ascending.
        bar_minutes: length of a full bar.
        costs_of: an instrument's costs, which say whether its prices are bids.
        rates: conversion of each instrument whose quote currency is foreign.
        dividends: `ex_date` and `value` (quote currency a share) by instrument.

    Returns:
        The grid; its instruments are sorted.

    Raises:
        SchemaError: there are no bars.
    """
    symbols = tuple(sorted(bars))
    if not symbols or all(bars[symbol].empty for symbol in symbols):
        raise SchemaError("no bars to trade on", where=", ".join(symbols) or "no instrument")
    open_time = np.unique(np.concatenate([stamps(bars[symbol]["open_time"]) for symbol in symbols]))
    shape = (len(open_time), len(symbols))
    columns = _Columns(shape)
    close_time = np.full(len(open_time), np.datetime64(0, "us"))
    session = np.full(len(open_time), np.datetime64(0, "D"))
    for s, symbol in enumerate(symbols):
        frame = bars[symbol]
        rows = np.searchsorted(open_time, stamps(frame["open_time"]))
        close_time[rows] = np.maximum(close_time[rows], stamps(frame["close_time"]))
        session[rows] = np.maximum(session[rows], stamps(frame["session"]).astype("M8[D]"))
        columns.put(rows, s, frame, np.timedelta64(bar_minutes, "m"), costs_of(symbol))
        if dividends and symbol in dividends:
            columns.pay(rows, s, session[rows], dividends[symbol])
    fx_open, fx_close = np.ones(shape), np.ones(shape)
    for symbol, rate in (rates or {}).items():
        fx_open[:, symbols.index(symbol)] = rate.known_at(open_time)
        fx_close[:, symbols.index(symbol)] = rate.known_at(close_time)
    market = Market(
        symbols, open_time, close_time, columns.open, columns.close,
        columns.tradable & np.isfinite(fx_open),  # without a rate nothing can be paid
        columns.split_factor, fx_open, fx_close, columns.high, columns.low,
        columns.dividend if columns.dividend.any() else None,
    )  # fmt: skip
    return Grid(
        market=market,
        session=session,
        own_close_time=columns.close_time,
        present=np.isfinite(columns.close),
        adjusted_close=columns.close * columns.split_factor,
        volume=columns.volume,
        bar_of_session=columns.bar_of_session,
        before_last_bar=columns.before_last_bar,
    )


class _Columns:
    """Arrays (T, S) that are filled one instrument at a time."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self.close_time = np.full(shape, np.datetime64("NaT", "us"))
        self.open = np.full(shape, np.nan)
        self.close = np.full(shape, np.nan)
        self.high = np.full(shape, np.nan)
        self.low = np.full(shape, np.nan)
        self.volume = np.full(shape, np.nan)
        self.dividend = np.zeros(shape)
        self.split_factor = np.full(shape, np.nan)
        self.tradable = np.zeros(shape, bool)
        self.bar_of_session = np.zeros(shape, np.int64)
        self.before_last_bar = np.zeros(shape, bool)

    def put(
        self, rows: NDArray[np.int64], s: int, frame: pd.DataFrame,
        bar: np.timedelta64, costs: CostModel,
    ) -> None:  # fmt: skip
        self.close_time[rows, s] = stamps(frame["close_time"])
        self.open[rows, s] = costs.mid(frame["open"].to_numpy(float))
        self.close[rows, s] = costs.mid(frame["close"].to_numpy(float))
        self.high[rows, s] = costs.mid(frame["high"].to_numpy(float))
        self.low[rows, s] = costs.mid(frame["low"].to_numpy(float))
        self.volume[rows, s] = frame["volume"].to_numpy(float)
        self.split_factor[rows, s] = frame["split_factor"].to_numpy(float)
        # A filled or halted bar, or one that begins so: an order waits for the next real open.
        self.tradable[rows, s] = ~frame["opens_filled"].to_numpy(bool)
        since_open = stamps(frame["open_time"]) - stamps(frame["session_open"])
        self.bar_of_session[rows, s] = since_open // bar
        left = stamps(frame["session_close"]) - stamps(frame["close_time"])
        self.before_last_bar[rows, s] = left <= bar

    def pay(self, rows: NDArray[np.int64], s: int, session: Times, dividends: pd.DataFrame) -> None:
        """Put each dividend on the first bar of the ex-date, or of the session after it.

        An ex-date at or before the first bar is left out: nobody can have held before it.
        """
        ex_dates = dividends["ex_date"].to_numpy("datetime64[D]")
        at = np.searchsorted(session, ex_dates)
        inside = (at > 0) & (at < len(rows))
        np.add.at(self.dividend[:, s], rows[at[inside]], dividends["value"].to_numpy(float)[inside])


def stamps(column: pd.Series) -> Times:
    """A time column as datetime64[us], UTC without saying so."""
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        column = column.dt.tz_convert("UTC").dt.tz_localize(None)
    return column.to_numpy("datetime64[us]")
