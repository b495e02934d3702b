"""Series that are not bars, as they were known at each bar's close."""

from __future__ import annotations

from typing import Annotated

import numpy as np
import numpy.typing as npt
from pydantic import Field

from fints_pipeline.base.errors import KeyNotFoundError, SchemaError, nearest
from fints_pipeline.base.rolling import FloatArray
from fints_pipeline.features.bars import STAMP, Bars, TimeArray
from fints_pipeline.features.base import Feature

DAY = 24 * 60


class Exogenous(Feature):
    """`<source>_<value>` for each of `values`: the last value known at the bar's close.

    The caller passes the source's frame in the columns of schemas/exogenous.py, ascending
    `known_at`. Row t takes the value of the latest period among the rows with a value and
    known_at + `lag_minutes` ≤ close_time, as last restated by then; a restatement of an older
    period changes nothing. In the source's units. NaN where there is none, and where close_time −
    known_at exceeds `max_age_minutes`: a series that has stopped is not carried on for ever.

    `lag_minutes` stands for the way from publication to here. The lake's table is
    `exogenous/<frequency>/<source>/all`.

    Causal: row t uses what was known at bar t's close. Warm-up: none but the source's own.
    Source: the as-of join of point-in-time data, as in Croushore and Stark, A Real-Time Data Set
    for Macroeconomists (2001).
    """

    UNITS = ("the source's unit",)

    source: str = Field(default="reference", pattern=r"^[A-Za-z][A-Za-z0-9_]*$")
    values: tuple[Annotated[str, Field(min_length=1)], ...] = ("value",)
    frequency: str = Field(default="1D", min_length=1)
    lag_minutes: int = Field(default=0, ge=0)
    max_age_minutes: int = Field(default=7 * DAY, ge=1)

    @property
    def lookback(self) -> int:
        """No bars."""
        return 0

    @property
    def sources(self) -> dict[str, str]:
        """The one source."""
        return {self.source: self.frequency}

    @property
    def columns(self) -> tuple[str, ...]:
        """Each of `values`, named after the source."""
        return tuple(f"{self.source}_{value}" for value in self.values)

    def compute(self, bars: Bars) -> dict[str, FloatArray]:
        """Join the values.

        Raises:
            KeyNotFoundError: no frame of that source was passed, or it has no such value.
            SchemaError: its `known_at` is not in ascending order.
        """
        frame = bars.exogenous(self.source)
        missing = [name for name in ("period_end", "known_at", *self.values) if name not in frame]
        if missing:
            raise KeyNotFoundError(
                f"exogenous series {self.source!r} has no column {missing[0]!r}",
                fix=nearest(missing[0], frame.columns),
            )
        known_at = np.asarray(frame["known_at"], dtype=STAMP)
        if (known_at[1:] < known_at[:-1]).any():
            raise SchemaError(
                f"exogenous series {self.source!r} is not in ascending order of known_at",
                fix="sort it by known_at",
            )
        period_end = np.asarray(frame["period_end"], dtype=STAMP)
        columns: dict[str, FloatArray] = {}
        for column, name in zip(self.columns, self.values, strict=True):
            value = frame[name].to_numpy(dtype=np.float64)
            kept = _news(period_end, value)
            columns[column] = self._last_known(known_at[kept], value[kept], bars.close_time)
        return columns

    def _last_known(self, known_at: TimeArray, value: FloatArray, moment: TimeArray) -> FloatArray:
        arrival = known_at + np.timedelta64(self.lag_minutes, "m")
        last = np.searchsorted(arrival, moment, side="right") - 1
        out = np.full(moment.size, np.nan)
        found = np.flatnonzero(last >= 0)
        age = moment[found] - known_at[last[found]]
        fresh = found[age <= np.timedelta64(self.max_age_minutes, "m")]
        out[fresh] = value[last[fresh]]
        return out


def _news(period_end: TimeArray, value: FloatArray) -> npt.NDArray[np.intp]:
    """Return the rows with a value that no earlier row's later period has made history."""
    there = np.flatnonzero(~np.isnan(value))
    latest = np.maximum.accumulate(period_end[there])
    return there[period_end[there] >= latest]
