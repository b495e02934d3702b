"""Flags that a bar carries, each known at its close, from that bar and those before it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from fints_pipeline.data.bad_ticks import bad_ticks
from fints_pipeline.data.calendars import Segments, Stamps
from fints_pipeline.data.carried import Carried
from fints_pipeline.data.rows import Index, Mask, Rows, steps
from fints_pipeline.data.rule_parameters import RuleParameters
from fints_pipeline.data.rules import Schedule, mask
from fints_pipeline.data.volume_anomalies import volume_anomalies

Floats = npt.NDArray[np.float64]
MINUTE = np.timedelta64(1, "m")
# After a pause of this length, of intraday and of daily bars, a price may be anywhere.
PAUSE = np.timedelta64(60, "m")
PAUSE_OF_DAYS = np.timedelta64(10, "D")


@dataclass(frozen=True, eq=False)
class Suspects:
    """Rows with values that the rows before them do not let expect, each of shape (T,).

    Attributes:
        bad_tick: A price is outside its band.
        reverting_spike: Of those, the ones that the next row showed to be spikes; in hindsight.
        volume_anomaly: The volume is unlike those of its time slot.
    """

    bad_tick: Mask
    reverting_spike: Mask
    volume_anomaly: Mask

    @property
    def flag(self) -> Mask:
        """What ``is_suspect`` says."""
        return self.bad_tick | self.volume_anomaly


def suspects(
    rows: Rows,
    schedule: Schedule,
    split_factor: Floats,
    parameters: RuleParameters,
    before: Carried,
) -> tuple[Suspects, Carried]:
    """Apply the trailing rules to one month of clean rows.

    Prices are compared split-adjusted, volumes too. Rows without a trade are left out. Windows go
    on from the month before; those of prices begin anew after a pause of an hour (ten days for
    daily bars).

    Args:
        rows: `CleanRows.rows`.
        schedule: The month's grid.
        split_factor: (S,) of the month's segments.
        parameters: The rules'.
        before: What the rules remember of the months before.

    Returns:
        The flags, and what the rules remember after the month; its sessions are those of before.
    """
    traded = np.flatnonzero(rows["volume"] != 0)
    segment = rows["segment"][traded]
    opened = rows["open_time"][traded]
    factor = split_factor[segment]
    high, low, close = (
        np.ascontiguousarray(rows[name][traded] * factor) for name in ("high", "low", "close")
    )
    pause = PAUSE_OF_DAYS if schedule.is_daily else PAUSE
    last = opened[:1] - pause if before.opened is None else np.full_like(opened[:1], before.opened)
    restart = np.diff(opened, prepend=last) - schedule.step >= pause
    if before.opened is None:
        restart[:1] = True
    rule = parameters.bad_ticks
    outside, spike, band = bad_ticks(high, low, close, restart, rule, before.band)
    since_open = steps(opened - schedule.segments.session_open[segment], MINUTE)
    slot = since_open // parameters.volume_anomalies.slot_minutes
    volume = rows["volume"][traded] / factor
    unlike, volumes = volume_anomalies(volume, slot, parameters.volume_anomalies, before.volumes)
    found = Suspects(*(_spread(flag, traded, len(rows)) for flag in (outside, spike, unlike)))
    if not len(opened):
        return found, before
    return found, replace(before, opened=opened[-1], band=band, volumes=volumes)


def _spread(found: Mask, at: npt.NDArray[np.intp], count: int) -> Mask:
    spread = np.zeros(count, dtype=np.bool_)
    spread[at] = found
    return spread


def untraded(bars: Rows) -> Mask:
    """Return the bars in which nothing traded: filled, or delivered with volume 0."""
    return mask(bars["is_filled"] | (bars["volume"] == 0))


def halted(bars: Rows, segment: Index, halt_minutes: int) -> Mask:
    """Return the bars in which the market counts as halted.

    That is every bar that was delivered with volume 0, and a filled one once nothing has traded for
    ``halt_minutes`` up to its close.

    Args:
        bars: Filled bars, ascending, of the base frequency.
        segment: (T,) the segment of each.
        halt_minutes: A market without a trade for so long is halted.
    """
    quiet = untraded(bars)
    opened, closed = bars["open_time"], bars["close_time"]
    joined = np.zeros(len(bars), dtype=np.bool_)
    joined[1:] = (opened[1:] == closed[:-1]) & (segment[1:] == segment[:-1])
    rows = np.arange(len(bars))
    # The first bar of the run without a trade that each quiet bar is in.
    begins = quiet & ~(joined & np.roll(quiet, 1))
    first = np.maximum.accumulate(np.where(begins, rows, 0))
    lasted = closed - opened[first] >= halt_minutes * MINUTE
    return mask(quiet & (~bars["is_filled"] | lasted))


def partial_so_far(
    opened: Stamps, segment: Index, segments: Segments, step: np.timedelta64
) -> Mask:
    """Return the bars up to whose close at least one bar of their session is missing.

    Minutes outside the regular hours are not missed.

    Args:
        opened: (T,) ascending open times of all bars, filled ones included.
        segment: (T,) the segment of each.
        segments: The month's segments.
        step: Length of a bar.
    """
    if len(opened) == 0:
        return np.zeros(0, dtype=np.bool_)
    regular = ~segments.extended
    slots = np.where(regular, -steps(segments.start - segments.end, step), 0)
    # Scheduled bars of the month before each segment, and before the first of its session.
    before = np.cumsum(slots) - slots
    _, first, of = np.unique(segments.session, return_index=True, return_inverse=True)
    before_session = before[first][of]
    inside = regular[segment]
    slot = steps(opened - segments.start[segment], step)
    due = (before - before_session)[segment] + np.where(inside, slot + 1, 0)
    made = np.cumsum(inside)
    session = segments.session[segment]
    starts = np.r_[True, session[1:] != session[:-1]]
    earlier: Index = (made - inside)[starts][np.cumsum(starts) - 1]
    return mask(made - earlier < due)
