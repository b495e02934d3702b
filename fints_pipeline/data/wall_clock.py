"""Naive stamps of a declared time zone into UTC, daylight-saving changes included.

An hour that the clock shows twice is told by the order of the file: stamps that jump back once show
where the second pass begins. Where the order cannot tell, and in the hour that the clock skips, the
rows are refused rather than guessed.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt

from fints_pipeline.base.errors import ArchiveError, ConfigError

Times = npt.NDArray[np.datetime64]
Ints = npt.NDArray[np.int64]

_DAY = timedelta(days=1)
_MOST_ROWS = 3


def zone(name: str) -> ZoneInfo:
    """Return the IANA zone ``name``.

    Raises:
        ConfigError: there is none.
    """
    try:
        return ZoneInfo(name)
    except (LookupError, ValueError, OSError):
        raise ConfigError(
            f"{name!r} is not a time zone", fix="write it like UTC or America/New_York"
        ) from None


def to_utc(local: Times, zone_name: str, where: str, first_row: int = 1) -> Times:
    """Return UTC stamps of wall-clock stamps.

    Args:
        local: Naive stamps in file order, shape (n,), any unit of datetime64.
        zone_name: IANA name of the zone whose clock they show.
        where: How errors name the file.
        first_row: Row number of the first stamp.

    Returns:
        (n,) datetime64[us].

    Raises:
        ConfigError: no such zone.
        ArchiveError: stamps in a skipped hour, or in a repeated hour that cannot be told apart.
    """
    stamps = local.astype("datetime64[us]")
    early, late = _offsets(stamps, zone(zone_name))
    skipped = early < late
    if skipped.any():
        raise _refuse(stamps, skipped, zone_name, where, first_row, "does not show (skipped hour)")
    chosen = early.copy()
    repeated = early > late
    for day in np.unique(stamps[repeated].astype("datetime64[D]")):
        rows = np.flatnonzero(repeated & (stamps.astype("datetime64[D]") == day))
        second = _second_pass(stamps, rows)
        if second is None:
            chosen_rows = np.zeros(stamps.size, dtype=bool)
            chosen_rows[rows] = True
            raise _refuse(
                stamps, chosen_rows, zone_name, where, first_row,
                "shows twice, and the order of the file does not tell which is meant",
            )  # fmt: skip
        chosen[rows[second]] = late[rows[second]]
    utc: Times = stamps - chosen.astype("timedelta64[us]")
    return utc


def _offsets(stamps: Times, tz: ZoneInfo) -> tuple[Ints, Ints]:
    """Return each stamp's UTC offset in µs, read as the first and as the second pass (PEP 495)."""
    days, day_of = np.unique(stamps.astype("datetime64[D]"), return_inverse=True)
    early = np.empty(stamps.size, dtype=np.int64)
    steady = np.zeros(days.size, dtype=bool)
    at_midnight = np.empty(days.size, dtype=np.int64)
    for index, day in enumerate(days.astype("datetime64[us]").tolist()):
        at_midnight[index], steady[index] = _of_day(day, tz)
    early[:] = at_midnight[day_of]
    late = early.copy()
    for row in np.flatnonzero(~steady[day_of]).tolist():
        moment = stamps[row].item()
        early[row], late[row] = _offset(moment, tz, 0), _offset(moment, tz, 1)
    return early, late


@lru_cache(maxsize=10_000)
def _of_day(day: datetime, tz: ZoneInfo) -> tuple[int, bool]:
    """Return a day's UTC offset at midnight in µs, and whether it holds all day."""
    found = {_offset(moment, tz, fold) for moment in (day, day + _DAY) for fold in (0, 1)}
    return _offset(day, tz, 0), len(found) == 1


def _offset(moment: datetime, tz: ZoneInfo, fold: int) -> int:
    offset = moment.replace(tzinfo=tz, fold=fold).utcoffset()
    return (offset or timedelta()) // timedelta(microseconds=1)


def _second_pass(stamps: Times, rows: Ints) -> npt.NDArray[np.bool_] | None:
    """Return which of the ``rows`` (of one repeated hour, in file order) are its second pass.

    None when the file does not run steadily, or never goes through the hour twice.
    """
    steps = np.diff(stamps)
    ascending = bool((steps >= np.timedelta64(0)).sum() >= (steps <= np.timedelta64(0)).sum())
    ordered = rows if ascending else rows[::-1]
    back = np.flatnonzero(np.diff(stamps[ordered]) < np.timedelta64(0))
    if back.size != 1:
        return None
    second: npt.NDArray[np.bool_] = np.arange(rows.size) > back[0]
    return second if ascending else second[::-1]


def _refuse(
    stamps: Times,
    faulty: npt.NDArray[np.bool_],
    zone_name: str,
    where: str,
    first_row: int,
    why: str,
) -> ArchiveError:
    rows = np.flatnonzero(faulty)
    shown = ", ".join(f"{row + first_row} ({_text(stamps[row])})" for row in rows[:_MOST_ROWS])
    more = f" and {rows.size - _MOST_ROWS} more" if rows.size > _MOST_ROWS else ""
    return ArchiveError(
        f"{rows.size} stamps lie in an hour that the clock of {zone_name} {why}",
        where=f"{where}, rows {shown}{more}",
        fix="check the dataset's timezone; if it is right, deliver the rows in time order",
    )


def _text(stamp: np.datetime64) -> str:
    return str(stamp.astype("datetime64[s]")).replace("T", " ")
