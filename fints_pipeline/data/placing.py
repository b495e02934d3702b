"""Daily bars into the hours of their sessions; bars that cannot be placed in time, refused."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fints_pipeline.base.errors import ArchiveError
from fints_pipeline.data.calendars import Calendar, Stamps, naive_utc

# Fewer rows under one stamp are duplicates, which the cleaner counts.
MOST_DUPLICATES = 4
_NOON = np.timedelta64(12, "h")
_DAY = np.timedelta64(1, "D")
_WEEK = np.timedelta64(14, "D")


def place_daily(days: Stamps, calendar: Calendar) -> tuple[Stamps, Stamps]:
    """Return the scheduled open and close of each day's session.

    A day without a session is put where the calendar's trading day is that day, for the cleaner to
    count.

    Args:
        days: (n,) datetime64[D].
        calendar: The market's.

    Returns:
        Two arrays (n,) datetime64[us], UTC.

    Raises:
        CalendarError: the calendar does not cover a day.
    """
    if not days.size:
        return days.astype("datetime64[us]"), days.astype("datetime64[us]")
    table = calendar.sessions(days.min().item(), days.max().item())
    sessions = naive_utc(table["session"]).astype("datetime64[D]")
    midnight: Stamps = days.astype("datetime64[us]")
    noon: Stamps = midnight + _NOON
    opened: Stamps = np.where(calendar.trading_day(noon) == days, noon, midnight)
    closed: Stamps = opened + _DAY
    if sessions.size:
        at = np.minimum(np.searchsorted(sessions, days), sessions.size - 1)
        held = sessions[at] == days
        opened[held] = naive_utc(table["session_open"])[at[held]]
        closed[held] = naive_utc(table["session_close"])[at[held]]
    return opened, closed


def sessions_from(days: Stamps, calendar: Calendar) -> Stamps:
    """Return each day, or the next session's where the market is closed on it. (n,) datetime64[D].

    Raises:
        CalendarError: the calendar does not cover a day.
    """
    first, last = days.min(), days.max() + _WEEK
    sessions = naive_utc(calendar.sessions(first.item(), last.item())["session"])
    dates = sessions.astype("datetime64[D]")
    at = np.searchsorted(dates, days)
    moved = days.copy()
    moved[at < dates.size] = dates[at[at < dates.size]]
    return moved


def refuse_unplaced(stamps: Stamps, symbols: npt.NDArray[np.int64] | None, where: str) -> None:
    """Refuse a file in which all the bars of a day stand under one stamp.

    Args:
        stamps: (n,) in file order.
        symbols: (n,) a number for each symbol, None where there is one.
        where: The file, for the error.

    Raises:
        ArchiveError: naming the first such day.
    """
    if symbols is None and (np.diff(stamps) > np.timedelta64(0)).all():
        return
    codes = np.zeros(stamps.size, dtype=np.int64) if symbols is None else symbols
    order = np.lexsort((stamps, codes))
    stamp, code, day = stamps[order], codes[order], stamps[order].astype("datetime64[D]")
    starts, sizes = _runs((stamp[1:] != stamp[:-1]) | (code[1:] != code[:-1]), stamp.size)
    day_starts, day_sizes = _runs((day[1:] != day[:-1]) | (code[1:] != code[:-1]), stamp.size)
    of_day = np.searchsorted(day_starts, starts, side="right") - 1
    alone = (sizes > MOST_DUPLICATES) & (sizes == day_sizes[of_day])
    if alone.any():
        at = int(starts[np.argmax(alone)])
        raise ArchiveError(
            f"all {int(sizes[np.argmax(alone)])} bars of {day[at]} carry one stamp: they cannot "
            "be placed in time",
            where=f"{where}, first in row {int(order[at]) + 1}",
            fix="deliver a file that says when each bar began; daily bars need `base_frequency: 1D`"
            " and one row a day",
        )


def _runs(
    breaks: npt.NDArray[np.bool_], size: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where runs begin that end at breaks, and how long they are."""
    starts = np.flatnonzero(np.r_[True, breaks]) if size else np.empty(0, dtype=np.int64)
    return starts, np.diff(np.r_[starts, size])
