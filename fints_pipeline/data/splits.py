"""Splits that nobody recorded, and recorded ones that the prices do not show.

A report, never a correction: what it finds is for a person to judge and to record.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from fints_pipeline.data.rows import Rows

Sessions: TypeAlias = tuple[tuple[str, float, float, float], ...]
_COLUMNS = ("session", "open", "close", "volume")
# New shares for old ones, as companies choose them; the other way round they are reverse splits.
RATIOS = (1.25, 4 / 3, 1.5, 2, 2.5, 3, 4, 5, 6, 7, 8, 10, 12, 15, 20, 25, 30, 40, 50, 100)
# Sessions whose median volume an ex-date's is compared with.
VOLUME_SESSIONS = 5
# How much nearer to the ratio a price must be where the volume does not confirm it, and how large
# the ratio: earnings move prices by a quarter.
WITHOUT_VOLUME, LEAST_WITHOUT_VOLUME = 3, 1.5


@dataclass(frozen=True)
class SplitDoubts:
    """What the sessions say of splits, in words.

    Attributes:
        unrecorded: Overnight ratios near a split's, without a split on record.
        unshown: Recorded splits without their jump in the prices.
    """

    unrecorded: tuple[str, ...]
    unshown: tuple[str, ...]


def sessions_of(bars: Rows) -> Rows:
    """Return ``session``, ``open``, ``close``, ``volume``, one row a session, of bars."""
    session, volume = bars["session"], bars["volume"]
    first = np.flatnonzero(np.r_[True, session[1:] != session[:-1]][: len(session)])
    last = np.append(first[1:], len(session))[: len(first)] - 1
    return Rows(
        {
            "session": session[first],
            "open": bars["open"][first],
            "close": bars["close"][last],
            "volume": np.add.reduceat(volume, first) if len(first) else volume,
        }
    )


def split_doubts(
    days: Rows, recorded: Mapping[date, float], tolerance: float, before: Sessions = ()
) -> SplitDoubts:
    """Compare every overnight ratio with the splits on record.

    An unrecorded split shows as a ratio of close to next open that lies within ``tolerance`` of a
    simple fraction while volume moves the other way, or within a third of it, from 3:2 on, whatever
    volume does.
    A recorded split that prices do not show means that they were adjusted for it already; where
    volume shows it, adjusted prices stand beside unadjusted volume.

    Args:
        days: Columns of `sessions_of`, ascending, raw prices.
        recorded: Ratio of the recorded splits by ex-date.
        tolerance: Relative.
        before: The last sessions before them, as `last_sessions` has them; none of them is judged.
    """
    unrecorded, unshown = [], []
    days = _after(before, days)
    columns = {name: column.tolist() for name, column in days.columns.items()}
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]
    volume = days["volume"]
    for i in range(max(1, len(before)), len(rows)):
        day = rows[i]["session"].date()
        ratio = rows[i - 1]["close"] / rows[i]["open"]
        if day in recorded:
            words = _unshown(day, ratio, _volume_ratio(volume, i), recorded[day])
            unshown += [words] if words else []
        elif abs(math.log(ratio)) > math.log(RATIOS[0]) - tolerance:
            moved = _volume_ratio(volume, i)
            words = _unrecorded(rows[i - 1], rows[i], ratio, moved, tolerance)
            unrecorded += [words] if words else []
    return SplitDoubts(tuple(unrecorded), tuple(unshown))


def last_sessions(days: Rows, before: Sessions) -> Sessions:
    """Return the last sessions that the next ones are compared with: day, open, close, volume."""
    told = ((str(row[0])[:10], *row[1:]) for row in zip(*_told(days), strict=True))
    return (*before, *told)[-VOLUME_SESSIONS:]


def _after(before: Sessions, days: Rows) -> Rows:
    if not before:
        return days
    day, *numbers = zip(*before, strict=True)
    earlier = [np.array(day, dtype="datetime64[us]"), *(np.array(each, float) for each in numbers)]
    joined = zip(_COLUMNS, earlier, strict=True)
    return Rows({name: np.concatenate([old, days[name]]) for name, old in joined})


def _told(days: Rows) -> list[list[Any]]:
    session = days["session"].astype("datetime64[D]").astype(str).tolist()
    return [session, *(days[name].tolist() for name in _COLUMNS[1:])]


def _volume_ratio(volume: npt.NDArray[np.float64], i: int) -> float:
    """Return a session's volume over the median before it; NaN where there is none."""
    before = volume[max(0, i - VOLUME_SESSIONS) : i]
    usual = float(np.median(before))
    return float(volume[i]) / usual if usual > 0 and volume[i] > 0 else math.nan


def _unrecorded(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    ratio: float,
    moved: float,
    tolerance: float,
) -> str | None:
    size = math.log(ratio)
    nearest = min(RATIOS, key=lambda simple: abs(math.log(simple) - abs(size)))
    distance = abs(math.log(nearest) - abs(size))
    # Twice the shares trade twice the volume; a quarter of that, in logarithms, is confirmation.
    confirmed = not math.isnan(moved) and math.log(moved) * size > size**2 / 4
    if not confirmed and nearest < LEAST_WITHOUT_VOLUME:
        return None
    if distance > (tolerance if confirmed else tolerance / WITHOUT_VOLUME):
        return None
    direction = f"{nearest:g}:1" if size > 0 else f"1:{nearest:g}"
    return (
        f"{after['session'].date()}: {before['close']:g} to {after['open']:g}, like a "
        f"{direction} split; {_volume_words(moved)}"
    )


def _unshown(day: date, ratio: float, moved: float, recorded: float) -> str | None:
    expected = math.log(recorded)
    if abs(math.log(ratio)) > abs(expected) / 2:
        return None
    by_volume = not math.isnan(moved) and math.log(moved) * expected > expected**2 / 2
    reading = "adjusted price beside unadjusted volume" if by_volume else "prices already adjusted"
    return (
        f"{day}: a split of {recorded:g} is recorded, but the price moved by {ratio:.3g}: "
        f"{reading}; {_volume_words(moved)}"
    )


def _volume_words(moved: float) -> str:
    return "no volume to compare" if math.isnan(moved) else f"volume x {moved:.2g}"
