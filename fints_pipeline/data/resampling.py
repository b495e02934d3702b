"""Short bars into longer ones, anchored at the open, never across sessions."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.base.errors import CalendarError
from fints_pipeline.base.time import MINUTES_A_DAY, minutes
from fints_pipeline.data.calendars import Segments, Stamps, aware_utc, naive_utc

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
# Volume is summed in whole units of this size, which is exact in any order.
VOLUME_UNIT = 1e-12
# Decimals that survive a round trip through float64.
DIGITS = 15


def resample(
    bars: pd.DataFrame, frequency: str, segments: Segments, until: np.datetime64
) -> pd.DataFrame:
    """Merge bars into bars of a longer frequency.

    Intervals are counted from the segment's start (a session's open, or the end of its lunch
    break), closed on the left, and cut at the segment's end; ``1D`` is one bar a session, known at
    its scheduled close. An interval without any bar gives none, and one that is not over at
    ``until`` is not given either. Resampling in steps gives what resampling at once gives: exactly
    for prices, and for volumes of up to 15 significant decimal digits.

    Args:
        bars: BarsSchema, ascending ``open_time``, of a frequency that divides ``frequency``.
        frequency: For example ``5m``, ``30m``, ``1D``.
        segments: Of the months that ``bars`` covers.
        until: Up to when the market's activity is known, UTC.

    Raises:
        CalendarError: a bar lies in none of the segments.

    Returns:
        BarsSchema. ``is_filled`` where every bar inside is filled; ``is_halted`` where none traded
        and any is halted; ``is_suspect`` where any is; ``is_extended`` where all are;
        ``opens_filled`` as the first one's; ``partial_so_far`` as the last one's, or because bars
        are missing after it; ``is_partial`` where the end of trading cuts the interval short.
    """
    opened = naive_utc(bars["open_time"])
    segment = segments.locate(opened)
    if (segment < 0).any():
        raise CalendarError(
            "a bar to resample lies outside every session",
            where=f"opens at {opened[segment < 0][0]} UTC",
            fix="give the segments of all months that the bars cover",
        )
    interval_start, interval_end, nominal_end = _intervals(opened, segment, segments, frequency)
    first = np.flatnonzero(np.diff(interval_start, prepend=np.datetime64("NaT")) != 0)
    columns = _merge(bars, first)
    last = np.append(first[1:], len(bars)) - 1
    reached = naive_utc(bars["close_time"])[last[: len(first)]]
    columns["partial_so_far"] = columns["partial_so_far"] | (reached < interval_end[first])
    columns["open_time"] = aware_utc(interval_start[first])
    columns["close_time"] = aware_utc(interval_end[first])
    columns["is_partial"] = nominal_end[first] > interval_end[first]
    merged = pd.DataFrame({name: columns[name] for name in bars.columns}, copy=False)
    over = interval_end[first] <= until
    return merged if over.all() else merged[over].reset_index(drop=True)


def _intervals(
    opened: Stamps, segment: Index, segments: Segments, frequency: str
) -> tuple[Stamps, Stamps, Stamps]:
    """Return start, end, and the end if trading went on, of the interval that each bar is in."""
    length = minutes(frequency)
    if length >= MINUTES_A_DAY:
        end = segments.session_close[segment]
        return segments.session_open[segment], end, end
    step = np.timedelta64(length, "m")
    start = segments.start[segment]
    interval_start = start + (opened - start) // step * step
    nominal_end = interval_start + step
    return interval_start, np.minimum(nominal_end, segments.end[segment]), nominal_end


def _merge(bars: pd.DataFrame, first: Index) -> dict[str, Any]:
    """Return the columns of merged bars; what is not merged is as in the first of each run."""
    columns: dict[str, Any] = {name: bars[name].array[first] for name in bars.columns}
    if len(first) == 0:
        return columns
    last = np.append(first[1:], len(bars)) - 1
    filled, halted = bars["is_filled"].to_numpy(), bars["is_halted"].to_numpy()
    untraded = np.logical_and.reduceat(filled | halted, first)
    return {
        **columns,
        "high": np.maximum.reduceat(bars["high"].to_numpy(), first),
        "low": np.minimum.reduceat(bars["low"].to_numpy(), first),
        "close": bars["close"].to_numpy()[last],
        "volume": sum_volume(bars["volume"].to_numpy(), first),
        "is_filled": np.logical_and.reduceat(filled, first),
        "is_halted": untraded & np.logical_or.reduceat(halted, first),
        "is_suspect": np.logical_or.reduceat(bars["is_suspect"].to_numpy(), first),
        "is_extended": np.logical_and.reduceat(bars["is_extended"].to_numpy(), first),
        "partial_so_far": bars["partial_so_far"].to_numpy()[last],
    }


def sum_volume(volume: Floats, first: Index) -> Floats:
    """Return the sum of each run of volumes; null where one of them is null.

    Plain float sums depend on their order: .1 + .2 + .3 is not .3 + .3. Here the whole and the
    fractional parts are added as integers, and the sum is rounded to 15 significant digits, the
    most that a float64 keeps of a decimal number. So 1m → 5m → 30m equals 1m → 30m.

    Args:
        volume: (T,) non-negative or null.
        first: (N,) index of each run's first row, ascending from 0.
    """
    null = np.isnan(volume)
    whole = np.floor(np.where(null, 0.0, volume))
    fraction = np.where(null, 0.0, volume) - whole
    units = np.rint(fraction / VOLUME_UNIT).astype(np.int64)
    total = np.add.reduceat(whole, first) + np.add.reduceat(units, first) * VOLUME_UNIT
    total[np.logical_or.reduceat(null, first)] = np.nan
    return round_digits(total)


def round_digits(values: Floats) -> Floats:
    """Return non-negative values rounded to 15 significant decimal digits."""
    positive = values > 0
    magnitude = np.floor(np.log10(values, out=np.zeros_like(values), where=positive))
    # Powers of ten up to 10^22 are exact; above 10^15 a float64 has no decimals to round.
    scale = 10.0 ** np.clip(DIGITS - 1 - magnitude, 0, 22)
    return np.asarray(np.rint(values * scale) / scale, dtype=np.float64)
