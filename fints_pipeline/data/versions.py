"""Which delivery of a bar counts, where several differ."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from fints_pipeline.data.rows import Index, Mask, Rows

Versions: TypeAlias = Literal["first_known", "latest"]


def by_delivery(rows: Rows) -> Rows:
    """Return rows sorted by stamp and, within one, as they were delivered."""
    keys = (rows[name] for name in ("source_row", "archive", "known_at", "open_time"))
    return rows.take(np.lexsort(tuple(keys)))


def winners(rows: Rows, versions: Versions, as_of: np.datetime64 | None = None) -> Index:
    """Return the position of the row that counts at each row's stamp.

    Within one delivery the later row counts. Of several deliveries the first one, the latest one
    or, given ``as_of``, the latest that was there by then. A bar is public from its close on, so
    where the first delivery came after ``as_of``, that one counts: data bought years later is
    history all the same, and only its later corrections are not.

    Args:
        rows: Sorted by `by_delivery`; left unchanged.
        versions: Which delivery; ``as_of`` overrules it.
        as_of: Naive UTC.

    Returns:
        (T,) positions.
    """
    count = len(rows)
    if count == 0:
        return np.zeros(0, dtype=np.int64)
    stamps, known, archive = (rows[name] for name in ("open_time", "known_at", "archive"))
    starts = _changes(stamps)
    stamp = np.cumsum(starts) - 1
    last = _last_of(starts)
    if versions == "latest" and as_of is None:
        return last
    # The last row of the first delivery at each stamp.
    first: Index = _last_of(starts | _changes(known) | _changes(archive))[starts][stamp]
    if as_of is None:
        return first
    there = np.where(known <= as_of, np.arange(count), -1)
    latest: Index = np.maximum.reduceat(there, np.flatnonzero(starts))[stamp]
    return np.where(latest >= 0, latest, first)


def _changes(column: npt.NDArray[np.generic]) -> Mask:
    changed = np.ones(len(column), dtype=np.bool_)
    changed[1:] = column[1:] != column[:-1]
    return changed


def _last_of(starts: Mask) -> Index:
    """Return the position of the last row of the run that each row is in."""
    begin = np.flatnonzero(starts)
    end = np.append(begin[1:], len(starts)) - 1
    return np.asarray(np.repeat(end, end - begin + 1), dtype=np.int64)
