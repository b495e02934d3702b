"""Short bars into longer ones, anchored at the open, never across sessions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fints_pipeline.base.time import MINUTES_A_DAY, minutes
from fints_pipeline.data.calendars import Segments, Stamps
from fints_pipeline.data.rows import Array, Index, Rows, steps

Floats = npt.NDArray[np.float64]
# Volume is summed in whole units of this size, which is exact in any order.
VOLUME_UNIT = 1e-12
# Decimals that survive a round trip through float64.
DIGITS = 15


def resample(bars: Rows, frequency: str, segments: Segments, until: np.datetime64) -> Rows:
    """Merge bars into bars of a longer frequency.

    Intervals are counted from the segment's start (a session's open, or the end of its lunch
    break), closed on the left, and cut at the segment's end; ``1D`` is one bar a session, known at
    its scheduled close. An interval without any bar gives none, and one that is not over at
    ``until`` is not given either. Resampling in steps gives what resampling at once gives: exactly
    for prices, and for volumes of up to 15 significant decimal digits.

    Args:
        bars: As `bars.run` makes them, with ``segment``, ascending ``open_time``, of a frequency
            that divides ``frequency``.
        frequency: For example ``5m``, ``30m``, ``1D``.
        segments: What the bars' ``segment`` counts.
        until: Up to when the market's activity is known, UTC.

    Returns:
        The same columns. ``is_filled`` where every bar inside is filled; ``is_halted`` where none
        traded and any is halted; ``is_suspect`` where any is; ``is_extended`` where all are;
        ``opens_filled`` as the first one's; ``partial_so_far`` as the last one's, or because bars
        are missing after it; ``is_partial`` where the end of trading cuts the interval short.
    """
    if len(bars) == 0:
        return bars
    start = _starts(bars, frequency, segments)
    first = np.flatnonzero(np.r_[True, start[1:] != start[:-1]])
    last = np.append(first[1:], len(bars)) - 1
    start = start[first]
    end, nominal_end = _ends(start, bars["segment"][first], frequency, segments)
    missing = bars["close_time"][last] < end
    merged = {
        **_merge(bars, first, last),
        "open_time": start,
        "close_time": end,
        "is_partial": nominal_end > end,
        "partial_so_far": bars["partial_so_far"][last] | missing,
    }
    return Rows({name: merged[name] for name in bars.columns}).kept(end <= until)


def _starts(bars: Rows, frequency: str, segments: Segments) -> Stamps:
    """Return the start of the interval that each bar is in."""
    length, segment = minutes(frequency), bars["segment"]
    if length >= MINUTES_A_DAY:
        return segments.session_open[segment]
    step, start = np.timedelta64(length, "m"), segments.start[segment]
    starts: Stamps = start + steps(bars["open_time"] - start, step) * step
    return starts


def _ends(
    start: Stamps, segment: Index, frequency: str, segments: Segments
) -> tuple[Stamps, Stamps]:
    """Return the end, and the end if trading went on, of intervals."""
    length = minutes(frequency)
    if length >= MINUTES_A_DAY:
        end = segments.session_close[segment]
        return end, end
    nominal_end: Stamps = start + np.timedelta64(length, "m")
    return np.minimum(nominal_end, segments.end[segment]), nominal_end


def _merge(bars: Rows, first: Index, last: Index) -> dict[str, Array]:
    """Return the columns of merged bars; what is not merged is as in the first of each run."""
    untraded = np.logical_and.reduceat(bars["is_filled"] | bars["is_halted"], first)
    return {
        **bars.take(first).columns,
        "high": np.maximum.reduceat(bars["high"], first),
        "low": np.minimum.reduceat(bars["low"], first),
        "close": bars["close"][last],
        "volume": sum_volume(bars["volume"], first),
        "is_filled": np.logical_and.reduceat(bars["is_filled"], first),
        "is_halted": untraded & np.logical_or.reduceat(bars["is_halted"], first),
        "is_suspect": np.logical_or.reduceat(bars["is_suspect"], first),
        "is_extended": np.logical_and.reduceat(bars["is_extended"], first),
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
    if null.all():
        return np.full(len(first), np.nan)
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
