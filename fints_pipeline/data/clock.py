"""Whether stamps fit the market's hours, and if not, on which zone's clock they would.

Vendors' words on their clocks are not to be trusted (HistData documents EST and writes New York
wall clock): a zone that is wrong for half the year moves every bar by an hour for that half.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from fints_pipeline.data.calendars import Calendar, Stamps
from fints_pipeline.data.clock_evidence import ClockEvidence, Hours, gather, hours_of, in_order

CANDIDATES = (
    "UTC",
    "America/New_York",
    "America/Chicago",
    "EST",
    "Europe/London",
    "Europe/Berlin",
    "Europe/Athens",
    "Asia/Tokyo",
    "Asia/Shanghai",
    "Asia/Kolkata",
    "Australia/Sydney",
    *(f"Etc/GMT{hours:+d}" for hours in range(12, -13, -1) if hours),
)
# Less than this is the market's own unpunctuality; less of a gain is no reason to doubt a zone.
TOLERANCE_MINUTES = 10.0
CLEAR_GAIN_MINUTES = 20.0
FEWEST_SESSIONS = 5


@dataclass(frozen=True)
class ClockReport:
    """What the clock check found.

    Attributes:
        passed: Whether the declared zone fits, or no other fits clearly better.
        declared: The zone that the dataset declares.
        suggested: The zone that would fit, None where the check passed.
        reason: One sentence.
        evidence: Of the declared zone, then of the suggested one.
        never_rests: Whether the market has no hours to compare with.
    """

    passed: bool
    declared: str
    suggested: str | None
    reason: str
    evidence: tuple[ClockEvidence, ...] = ()
    never_rests: bool = False

    def to_markdown(self) -> str:
        """Return the reason and the evidence as a table."""
        header = (
            "| zone | season | sessions | inside sessions | first bar after the open "
            "| last bar after the close | burst of activity after the open |"
        )
        rows = [row for evidence in self.evidence for row in evidence.rows()]
        table = ["", header, "|---|---|---:|---:|---:|---:|---:|", *rows] if rows else []
        return "\n".join([self.reason, *table])


def check_clock(
    open_times: Stamps,
    activity: npt.NDArray[np.float64],
    calendar: Calendar,
    timezone: str,
    step_minutes: int = 1,
    candidates: Iterable[str] = CANDIDATES,
) -> ClockReport:
    """Compare stamps with the hours of their market.

    Looks at the whole span: a check on data that is there, no feature of it.

    Args:
        open_times: (T,) when bars open, naive UTC, as the declared zone gives it, in any order.
        activity: (T,) volume, or the bars' range where there is none; NaN counts as 0.
        calendar: The market's.
        timezone: The declared zone; ``UTC`` for epochs.
        step_minutes: Length of a bar.
        candidates: Zones to try, the likelier first.

    Raises:
        CalendarError: the calendar does not cover the span.
    """
    stamps, active = in_order(
        open_times.astype("datetime64[us]", copy=False), np.nan_to_num(activity.astype(np.float64))
    )
    if not len(stamps):
        return ClockReport(True, timezone, None, "there are no bars to compare")
    hours = hours_of(stamps, calendar)
    if hours is None or hours.sessions_with(stamps) < FEWEST_SESSIONS:
        why = (
            "the market never closes: there are no hours to compare with"
            if hours is None
            else f"fewer than {FEWEST_SESSIONS} sessions to compare with"
        )
        return ClockReport(True, timezone, None, why, never_rests=hours is None)
    step = np.timedelta64(step_minutes, "m")
    found = gather(timezone, stamps, active, hours, step)
    if np.isinf(found.misfit_minutes):
        why = "too few openings have bars on both sides of their rest to compare with"
        return ClockReport(True, timezone, None, why)
    if found.misfit_minutes <= TOLERANCE_MINUTES:
        reason = f"the stamps fit the market's hours on the clock of {timezone}"
        return ClockReport(True, timezone, None, reason, (found,))
    best = _best(stamps, active, hours, step, timezone, candidates)
    if best is None or found.misfit_minutes - best.misfit_minutes < CLEAR_GAIN_MINUTES:
        reason = (
            f"the stamps are {found.misfit_minutes:.0f} minutes off the market's hours on the "
            f"clock of {timezone}, and no other zone fits clearly better"
        )
        return ClockReport(True, timezone, None, reason, (found,))
    reason = (
        f"the stamps are {found.misfit_minutes:.0f} minutes off the market's hours on the clock of "
        f"{timezone}, and {best.misfit_minutes:.0f} on that of {best.timezone}: set "
        f"`timezone: {best.timezone}`, or change the dates' source if the stamps are aware"
    )
    return ClockReport(False, timezone, best.timezone, reason, (found, best))


def _best(
    stamps: Stamps,
    activity: npt.NDArray[np.float64],
    hours: Hours,
    step: np.timedelta64,
    declared: str,
    candidates: Iterable[str],
) -> ClockEvidence | None:
    """Return the evidence of the candidate that fits best, the first of equals."""
    local = _wall_clock(stamps, declared)
    tried = [
        gather(zone, _as_utc(local, zone), activity, hours, step)
        for zone in candidates
        if zone != declared
    ]
    return min(tried, key=lambda each: np.rint(each.misfit_minutes), default=None)


def _wall_clock(stamps: Stamps, timezone: str) -> Stamps:
    """Return what a zone's clock showed at UTC stamps."""
    aware = pd.DatetimeIndex(stamps).tz_localize("UTC").tz_convert(timezone)
    return np.asarray(aware.tz_localize(None).to_numpy(), dtype="datetime64[us]")


def _as_utc(local: Stamps, timezone: str) -> Stamps:
    """Return UTC stamps of wall-clock ones; the first pass of a repeated hour will do here."""
    hours, of = np.unique(local.astype("datetime64[h]"), return_inverse=True)
    aware = pd.DatetimeIndex(hours.astype("datetime64[us]")).tz_localize(
        timezone, ambiguous=np.ones(hours.size, dtype=bool), nonexistent="shift_forward"
    )
    utc = aware.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[us]")
    shifted: Stamps = local + (utc - hours.astype("datetime64[us]"))[of]
    return shifted
