"""What a series of stamps shows of its clock, season by season."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from fints_pipeline.data.calendars import Calendar, Stamps, naive_utc

# Markets that rest shorter (a lunch break, FX at 17:00) have no edge there.
SHORTEST_REST = np.timedelta64(6, "h")
_DAY_MINUTES = 1440
_BEFORE, _AFTER = 15, 5
_FEWEST_EDGES = 3
_PAD = np.timedelta64(4, "D")
_MINUTE = np.timedelta64(1, "m")
_Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Hours:
    """The market's hours over the span of a series.

    Attributes:
        starts: Where each stretch of trading begins, ascending. (S,)
        ends: Where it ends. (S,)
        opens: Where trading begins after a long rest. (E,)
        closes: Where it ends before one. (E,)
        rests: The middle of each rest, before each open. (E,)
        seasons: The opens' time of day in UTC, in minutes; it changes with daylight saving. (E,)
        has_burst: Whether activity is expected to jump at the open.
    """

    starts: Stamps
    ends: Stamps
    opens: Stamps
    closes: Stamps
    rests: Stamps
    seasons: npt.NDArray[np.int64]
    has_burst: bool

    def cover(self, stamps: Stamps) -> npt.NDArray[np.bool_]:
        """Return which of ascending stamps lie in a stretch of trading. Shape (T,)."""
        at = _latest(self.starts, stamps)
        inside: npt.NDArray[np.bool_] = (at >= 0) & (stamps < self.ends[at])
        return inside

    def sessions_with(self, stamps: Stamps) -> int:
        """Return how many opens lie between the first and the last stamp."""
        return int(((self.opens >= stamps[0]) & (self.opens <= stamps[-1])).sum())


@dataclass(frozen=True)
class Season:
    """What one season of the year shows; offsets are medians in minutes, NaN where unknown.

    Attributes:
        opens_utc: The market's opening time in UTC in this season, ``13:30``.
        sessions: Openings with bars around them.
        inside: Share of bars inside sessions.
        first: First bar after the rest, from the scheduled open.
        last: End of the last bar before the rest, from the scheduled close.
        burst: Where activity jumps, from the scheduled open.
    """

    opens_utc: str
    sessions: int
    inside: float
    first: float
    last: float
    burst: float


@dataclass(frozen=True)
class ClockEvidence:
    """What the stamps show when read on one zone's clock.

    Attributes:
        timezone: The zone.
        seasons: One entry a season.
    """

    timezone: str
    seasons: tuple[Season, ...] = field(default=())

    @property
    def misfit_minutes(self) -> float:
        """How far the stamps are off the market's hours: 0 is perfect.

        The mean over the seasons of the burst's distance, or of the edges' where no burst is
        expected or seen.
        """
        found = [
            abs(season.burst)
            if np.isfinite(season.burst)
            else float(np.mean(np.abs([season.first, season.last])))
            for season in self.seasons
        ]
        known = [value for value in found if np.isfinite(value)]
        return float(np.mean(known)) if known else float("inf")

    def rows(self) -> Iterator[str]:
        """Yield one table row a season."""
        for season in self.seasons:
            offsets = (f"{value:+.0f} min" if np.isfinite(value) else "–" for value in (
                season.first, season.last, season.burst))  # fmt: skip
            yield (
                f"| {self.timezone} | opens {season.opens_utc} UTC | {season.sessions} "
                f"| {season.inside:.2%} | {' | '.join(offsets)} |"
            )


def hours_of(stamps: Stamps, calendar: Calendar) -> Hours | None:
    """Return the hours around a series, None where the market never rests.

    Raises:
        CalendarError: the calendar does not cover the span.
    """
    first, last = (at.astype("datetime64[D]") for at in (stamps[0] - _PAD, stamps[-1] + _PAD))
    return _hours_between(calendar, first.item(), last.item())


@lru_cache(maxsize=64)
def _hours_between(calendar: Calendar, first: date, last: date) -> Hours | None:
    """Return the hours of a span; instruments of one market ask for the same months."""
    schedule = calendar.schedule(first, last)
    starts, ends = naive_utc(schedule["start"]), naive_utc(schedule["end"])
    if starts.size < 2:
        return None
    rest = starts[1:] - ends[:-1]
    at = np.flatnonzero(rest >= SHORTEST_REST)
    if not at.size:
        return None
    opens: Stamps = starts[at + 1]
    seasons = (opens - opens.astype("datetime64[D]")) // _MINUTE
    return Hours(
        starts=starts,
        ends=ends,
        opens=opens,
        closes=ends[at],
        rests=ends[at] + rest[at] // 2,
        seasons=seasons.astype(np.int64),
        has_burst=calendar.mode == "reset",
    )


def in_order(stamps: Stamps, activity: _Floats) -> tuple[Stamps, _Floats]:
    """Return stamps, and what belongs to them, ascending; most already are."""
    if (stamps[1:] >= stamps[:-1]).all():
        return stamps, activity
    order = np.argsort(stamps, kind="stable")
    return stamps[order], activity[order]


def _latest(edges: Stamps, stamps: Stamps) -> npt.NDArray[np.int64]:
    """Return the last edge up to each stamp, (T,), -1 before the first; both ascend."""
    counts = np.diff(np.r_[0, np.searchsorted(stamps, edges), stamps.size])
    return np.repeat(np.arange(-1, edges.size), counts)


def gather(
    timezone: str, stamps: Stamps, activity: _Floats, hours: Hours, step: np.timedelta64
) -> ClockEvidence:
    """Return what the stamps show if ``stamps`` are their UTC times.

    Args:
        timezone: The zone whose clock that takes them to be of.
        stamps: (T,) naive UTC, nearly ascending.
        activity: (T,)
        hours: The market's.
        step: Length of a bar.
    """
    stamps, activity = in_order(stamps, activity)
    held = (hours.opens >= stamps[0]) & (hours.opens <= stamps[-1])
    inside = hours.cover(stamps)
    # A bar belongs to the season of the opening nearest to it.
    nearest = np.clip(_latest(hours.rests, stamps), 0, None)
    season_of = hours.seasons[nearest]
    seasons = []
    for season in np.unique(hours.seasons[held]).tolist():
        edges = np.flatnonzero(held & (hours.seasons == season))
        if edges.size < _FEWEST_EDGES:
            continue
        mine = season_of == season
        first, last = _edges(stamps, hours, edges, step)
        burst = _burst(stamps, activity, hours.opens[edges]) if hours.has_burst else np.nan
        share = float(inside[mine].mean()) if mine.any() else np.nan
        name = f"{season // 60:02d}:{season % 60:02d}"
        seasons.append(Season(name, int(edges.size), share, first, last, burst))
    return ClockEvidence(timezone, tuple(seasons))


def _edges(
    stamps: Stamps, hours: Hours, edges: npt.NDArray[np.int64], step: np.timedelta64
) -> tuple[float, float]:
    """Return how far the first and the last bar around a rest are off, as medians."""
    at = np.searchsorted(stamps, hours.rests[edges])
    inner = (at > 0) & (at < stamps.size)
    at, edges = at[inner], edges[inner]
    first = _minutes(stamps[at] - hours.opens[edges])
    last = _minutes(stamps[at - 1] + step - hours.closes[edges])
    near = (np.abs(first) < _DAY_MINUTES) & (np.abs(last) < _DAY_MINUTES)
    if near.sum() < _FEWEST_EDGES:
        return float("nan"), float("nan")
    return float(np.median(first[near])), float(np.median(last[near]))


def _burst(stamps: Stamps, activity: _Floats, opens: Stamps) -> float:
    """Return the minute, from the open, at which mean activity jumps most."""
    total = np.zeros(_DAY_MINUTES)
    half = _DAY_MINUTES // 2
    before = np.searchsorted(opens, stamps + half * _MINUTE, side="right") - 1
    near = before >= 0
    offset = _minutes(stamps[near] - opens[before[near]]).astype(np.int64) + half
    within = (offset >= 0) & (offset < _DAY_MINUTES)
    np.add.at(total, offset[within], activity[near][within])
    if not total.any():
        return float("nan")
    # The day goes round: what precedes the first minute is the last one.
    around = np.r_[total[-_BEFORE:], total, total[:_AFTER]]
    summed = np.r_[0.0, np.cumsum(around)]
    at = np.arange(_DAY_MINUTES) + _BEFORE
    ahead = (summed[at + _AFTER] - summed[at]) / _AFTER
    behind = (summed[at] - summed[at - _BEFORE]) / _BEFORE
    jump = ahead / (behind + total.mean())
    return float(np.argmax(jump) - half)


def _minutes(spans: npt.NDArray[np.timedelta64]) -> _Floats:
    return np.asarray(spans / _MINUTE, dtype=np.float64)
