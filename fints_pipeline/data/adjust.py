"""Adjusted views of raw bars, computed when they are read, as known at a given time.

With S the product of the split ratios and R that of the dividend ratios (1 + D / C) with ex-dates
after a bar's session and up to that of the last bar known at ``as_of``:

- ``raw``: as traded.
- ``split``: prices / S, volume × S: in shares of the last bar's size.
- ``total_return``: prices / (S · R), volume × S.

D is the dividend in currency a share and C the raw close of the ex-date's session, at which it is
reinvested: the close-to-close return over an ex-date is exactly (C + D) / (close before) less 1.
The last bars of a view are as traded; a split or dividend after ``as_of`` changes nothing in it.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.data.calendars import naive_utc
from fints_pipeline.data.corporate_actions import actions_as_of, splits_by_date
from fints_pipeline.data.rows import PRICES

Adjustment: TypeAlias = Literal["raw", "split", "total_return"]
Floats = npt.NDArray[np.float64]


def adjusted(
    bars: pd.DataFrame,
    actions: pd.DataFrame,
    mode: Adjustment,
    as_of: datetime | None = None,
) -> pd.DataFrame:
    """Return the bars that had closed by ``as_of``, adjusted for what had happened by then.

    A split counts from its ex-date's session on, a dividend from that session's close on. Where an
    action was delivered more than once, the version that was there at ``as_of`` counts, by default
    the first; see `corporate_actions.actions_as_of`.

    Args:
        bars: BarsSchema of one instrument, ascending, raw prices; left unchanged.
        actions: Rows in the columns of corporate_actions, of any instrument and of all time.
        mode: Which view.
        as_of: Aware; the last bar's close by default.

    Returns:
        BarsSchema with ``split_factor`` 1 in the adjusted views, whose prices need no other factor.

    Raises:
        SchemaError: a split ratio or a dividend is not a positive number.
    """
    moment = _moment(bars, as_of)
    known = bars[naive_utc(bars["close_time"]) <= moment].reset_index(drop=True)
    if mode == "raw" or known.empty:
        return known
    instrument = str(known["instrument"].iloc[0])
    session = known["session"].to_numpy().astype("datetime64[D]")
    today = session[-1]
    splits = {
        ex_date: ratio
        for ex_date, ratio in splits_by_date(actions, instrument, as_of).items()
        if np.datetime64(ex_date) <= today
    }
    shares = later_product(session, splits)
    price = shares
    if mode == "total_return":
        price = shares * later_product(session, _dividends(known, actions, instrument, as_of))
    volume = known["volume"] * shares
    return known.assign(
        **{name: known[name] / price for name in PRICES}, volume=volume, split_factor=1.0
    )


def later_product(session: npt.NDArray[np.datetime64], ratios: dict[date, float]) -> Floats:
    """Return the product of the ratios dated after each session, of shape (T,).

    Args:
        session: (T,) ``datetime64[D]``.
        ratios: By date.
    """
    dates = np.array(sorted(ratios), dtype="datetime64[D]")
    products = np.cumprod([1.0, *(ratios[day] for day in sorted(ratios, reverse=True))])
    later = len(dates) - np.searchsorted(dates, session, side="right")
    return np.asarray(products[later], dtype=np.float64)


def _dividends(
    bars: pd.DataFrame, actions: pd.DataFrame, instrument: str, as_of: datetime | None
) -> dict[date, float]:
    """Return 1 + D / C by the session of the ex-date; dividends of one session add up."""
    rows = actions_as_of(actions, instrument, as_of)
    rows = rows[rows["kind"] == "dividend"]
    session = bars["session"].to_numpy().astype("datetime64[D]")
    last = np.flatnonzero(np.r_[session[1:] != session[:-1], True])
    # A session that has not closed yet pays no dividend.
    complete = (bars["close_time"] >= bars["session_close"]).to_numpy()[last]
    days, close = session[last], bars["close"].to_numpy(dtype=np.float64)[last]
    ratios: dict[date, float] = {}
    for ex_date, amount in zip(rows["ex_date"], rows["value"], strict=True):
        if not (np.isfinite(amount) and amount > 0):
            raise SchemaError(
                f"a dividend must be positive, not {amount}",
                where=f"{instrument}, ex-date {pd.Timestamp(ex_date).date()}",
                fix="give it in the quote currency, for one share",
            )
        at = int(np.searchsorted(days, np.datetime64(pd.Timestamp(ex_date), "D")))
        # Before the first session it changes no bar's units; after the last it has not come.
        if 0 < at < len(days) and (at < len(days) - 1 or complete[at]):
            day = days[at].item()
            ratios[day] = ratios.get(day, 1.0) + amount / close[at]
    return ratios


def _moment(bars: pd.DataFrame, as_of: datetime | None) -> np.datetime64:
    if as_of is not None:
        return np.datetime64(naive_utc([as_of])[0])
    closes = naive_utc(bars["close_time"])
    return np.datetime64(closes.max()) if len(closes) else np.datetime64(0, "us")
