"""Missing bars inside a session: the last price carried forward, for a while."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from fints_pipeline.data.calendars import Segments, Stamps
from fints_pipeline.data.rows import Rows, steps


def known_until(placed: Rows, segments: Segments, step: np.timedelta64) -> np.datetime64:
    """Return the time up to which it is known what traded and what did not.

    That is the end of the last raw row, whether or not cleaning kept it. Where a row of the last
    session was delivered at or after that session's scheduled close, the session is over, even if
    it ended without a trade.

    Args:
        placed: The month's raw rows: ``open_time``, ``segment`` and ``known_at``, naive UTC.
        segments: The month's segments.
        step: Length of a bar.
    """
    if len(placed) == 0:
        return np.datetime64(0, "us")
    segment = placed["segment"]
    last = int(placed["open_time"].argmax())
    until = np.datetime64(placed["open_time"][last] + step)
    if segment[last] >= 0:
        until = min(until, np.datetime64(segments.end[segment[last]]))
    if segment.max() >= 0:
        close = segments.session_close[segment.max()]
        of_session = (segment >= 0) & (segments.session_close[segment] == close)
        if (placed["known_at"][of_session] >= close).any():
            until = max(until, np.datetime64(close))
    return until


def fill(
    rows: Rows,
    segments: Segments,
    step: np.timedelta64,
    longest: int,
    until: np.datetime64,
    fill_volume: float,
) -> Rows:
    """Fill after every row up to the next one, the segment's end or ``longest`` bars.

    The rule knows nothing of what comes later: every run of missing bars is filled for its first
    ``longest`` bars, whether or not trading resumes, and stays a hole after that. Nothing is filled
    before a segment's first row, across a lunch break or into another session, and nothing that
    would end after ``until``.

    Args:
        rows: One row a bar, ascending ``open_time`` (naive UTC), with ``segment`` and OHLCV.
        segments: The month's segments.
        step: Length of a bar.
        longest: Most bars to fill in one run.
        until: Up to when the market's activity is known.
        fill_volume: Volume of a filled bar: 0, or NaN where the source has no volume.

    Returns:
        Columns ``segment``, ``open_time``, ``close_time`` (naive UTC), ``open``, ``high``, ``low``,
        ``close``, ``volume``, ``is_filled``.
    """
    segment = rows["segment"]
    missing = np.clip(missing_after(rows, segments, step, until), 0, longest)
    source = np.repeat(np.arange(len(rows)), 1 + missing)
    first = np.cumsum(1 + missing) - (1 + missing)
    age = np.arange(len(source)) - first[source]
    filled = age > 0
    opened: Stamps = rows["open_time"][source]
    opened = opened + age * step
    close = rows["close"][source]
    prices = {name: np.where(filled, close, rows[name][source]) for name in ("open", "high", "low")}
    volume = np.where(filled, fill_volume, rows["volume"][source])
    return Rows(
        {
            "segment": segment[source],
            "open_time": opened,
            "close_time": np.minimum(opened + step, segments.end[segment[source]]),
            **prices,
            "close": close,
            "volume": volume,
            "is_filled": filled,
        }
    )


def missing_after(
    rows: Rows, segments: Segments, step: np.timedelta64, until: np.datetime64
) -> npt.NDArray[np.int64]:
    """Return how many scheduled bars follow each row before the next row of its segment, (T,)."""
    segment = rows["segment"]
    slot = steps(rows["open_time"] - segments.start[segment], step)
    # Every bar up to the segment's end, the last of which may be short; of what is not over yet
    # only those that have ended.
    scheduled = -steps(segments.start - segments.end, step)
    ended = steps(until - segments.start, step)
    following = np.where(until >= segments.end, scheduled, ended)[segment]
    same = segment[1:] == segment[:-1]
    following[:-1][same] = slot[1:][same]
    return np.asarray(following - slot - 1, dtype=np.int64)
