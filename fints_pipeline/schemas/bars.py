"""Cleaned bars of one frequency: `BARS`."""

from __future__ import annotations

import pandas as pd
import pandera.pandas as pa

from fints_pipeline.schemas.contract import (
    TableContract,
    ascending_close_time,
    flag,
    key_columns,
    number,
    stamp,
)


def _high_is_highest(frame: pd.DataFrame) -> pd.Series:
    return frame["high"] >= frame[["open", "low", "close"]].max(axis=1)


def _low_is_lowest(frame: pd.DataFrame) -> pd.Series:
    return frame["low"] <= frame[["open", "high", "close"]].min(axis=1)


def _lies_in_session(frame: pd.DataFrame) -> pd.Series:
    inside = frame["open_time"] >= frame["session_open"]
    return inside & (frame["close_time"] <= frame["session_close"])


def _no_trade_no_open(frame: pd.DataFrame) -> pd.Series:
    return frame["opens_filled"] | ~(frame["is_filled"] | frame["is_halted"])


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
            pa.Check(_high_is_highest, name="high_is_highest"),
            pa.Check(_low_is_lowest, name="low_is_lowest"),
            pa.Check(_lies_in_session, name="lies_in_session"),
            pa.Check(_no_trade_no_open, name="no_trade_no_open"),
        ],
        strict=True,
        ordered=True,
    ),
)
