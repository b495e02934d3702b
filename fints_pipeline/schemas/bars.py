"""Cleaned bars of one frequency: `BARS`."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandera.pandas as pa

from fints_pipeline.schemas.contract import (
    TableContract,
    ascending_close_time,
    flag,
    key_columns,
    number,
    stamp,
)
from fints_pipeline.schemas.row_rules import Columns, row_check

Mask: TypeAlias = npt.NDArray[np.bool_]


def _high_is_highest(bars: Columns) -> Mask:
    high = bars["high"]
    return (high >= bars["open"]) & (high >= bars["low"]) & (high >= bars["close"])


def _low_is_lowest(bars: Columns) -> Mask:
    low = bars["low"]
    return (low <= bars["open"]) & (low <= bars["high"]) & (low <= bars["close"])


def _lies_in_session(bars: Columns) -> Mask:
    inside = bars["open_time"] >= bars["session_open"]
    return inside & (bars["close_time"] <= bars["session_close"])


def _no_trade_no_open(bars: Columns) -> Mask:
    return bars["opens_filled"] | ~(bars["is_filled"] | bars["is_halted"])


def _price(description: str) -> pa.Column:
    return number(description, unit="quote currency, unadjusted", checks=[pa.Check.gt(0)])


BARS = TableContract(
    "bars",
    pa.DataFrameSchema(
        {
            **key_columns(),
            "session_open": stamp("scheduled start of the session"),
            "session_close": stamp("scheduled end of the session, half-days included"),
            "open": _price("first price"),
            "high": _price("highest price"),
            "low": _price("lowest price"),
            "close": _price("last price"),
            "volume": number(
                "traded volume; null where the source has none",
                unit="base units",
                nullable=True,
                checks=[pa.Check.ge(0)],
            ),
            "split_factor": number(
                "product of the split ratios with ex-date up to this session: price × split_factor "
                "is comparable through time",
                checks=[pa.Check.gt(0)],
            ),
            "is_filled": flag("no trade was delivered; the price is the last one carried forward"),
            "is_partial": flag("the bar is cut short by the session's end"),
            "is_halted": flag(
                "nothing traded: the bar was delivered with volume 0, or the last trade is "
                "`halt_minutes` ago"
            ),
            "is_suspect": flag(
                "a price or the volume is far from what the bars before it let expect"
            ),
            "is_extended": flag("the bar lies outside the regular trading hours"),
            "opens_filled": flag(
                "nothing traded where the bar begins, so that no order fills at its open"
            ),
            "partial_so_far": flag(
                "up to this bar's close, at least one bar of its session is missing"
            ),
        },
        checks=[
            ascending_close_time(),
            row_check(_high_is_highest, "high_is_highest"),
            row_check(_low_is_lowest, "low_is_lowest"),
            row_check(_lies_in_session, "lies_in_session"),
            row_check(_no_trade_no_open, "no_trade_no_open"),
        ],
        strict=True,
        ordered=True,
    ),
)
