"""What a fit really looked at: from the first input to the end of the last label, in its record.

It is told from the rows that were learned from and from their times, not from the fold that they
should have come from, so that a purge that failed shows in the checkpoint.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.training.dataset import Series, Stamps
from fints_pipeline.walkforward.folds import Span

Interval = tuple[str, str]
Learned = dict[str, dict[str, tuple[Interval, ...]]]
"""By split ("train", "validation", "holdout") and instrument: intervals (first, last), UTC."""


def learned_from(
    spans: Mapping[str, Span],
    series: Sequence[Series],
    rows: Mapping[str, Sequence[NDArray[np.int64]]],
    context: int,
    ends: Sequence[Stamps] | None = None,
) -> Learned:
    """Return the time that the samples of each split cover, an interval a part of its span.

    Args:
        spans: by split, the sessions that its rows should lie in.
        series: one an instrument.
        rows: by split and series, the rows that end samples.
        context: rows that a sample takes, its own the last.
        ends: by series (T,) when each row's target is known; None where samples have none.
    """
    found: Learned = {}
    for split, own in rows.items():
        found[split] = {}
        for number, (one, chosen) in enumerate(zip(series, own, strict=True)):
            first = one.open_time[np.maximum(chosen - context + 1, 0)]
            last = one.close_time[chosen]
            if ends is not None:
                last = np.fmax(last, ends[number][chosen])
            places = _parts(spans[split], one.session[chosen])
            found[split][one.instrument] = tuple(
                (str(first[places == part].min()), str(last[places == part].max()))
                for part in np.unique(places)
            )
    return found


def by_series(rows: NDArray[np.int64], offsets: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return global rows (N,) of a window table as local ones, series by series."""
    owner = np.searchsorted(offsets, rows, side="right") - 1
    return [rows[owner == number] - first for number, first in enumerate(offsets)]


def _parts(span: Span, session: Stamps) -> NDArray[np.int64]:
    """(N,) number of the span's part that each session lies in, -1 for those in none."""
    places = np.full(len(session), -1)
    for number, part in enumerate(span.parts):
        places[part.mask(session)] = number
    return places
