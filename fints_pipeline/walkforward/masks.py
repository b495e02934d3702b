"""Which rows of a fold may be learned from: purged by label interval and context length.

A sample of row t holds bars from its context's first one to the last one that its label saw. Rows
are purged so that no sample that is learned from holds a bar of a span that must stay unseen,
neither as input nor in its label.

Source: López de Prado, Advances in Financial Machine Learning (2018), 7.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.walkforward.spans import Fold, Span

Bools = NDArray[np.bool_]
Times = NDArray[np.datetime64]


def purged(label_end: Times, before: np.datetime64) -> Bools:
    """Samples whose label is known by `before`, and may thus be learned from.

    A label uses (close_time, label_end]; what is forbidden starts at `before`, the open time of
    the first bar of the next span. A label that ends at that very instant saw nothing of it.

    Args:
        label_end: (T,) datetime64, when each label becomes known; NaT where it never did.
        before: first instant of the span that must stay unseen.

    Returns:
        (T,) bool, True for samples to keep; False where label_end is NaT.
    """
    kept: Bools = ~np.isnat(label_end) & (label_end <= before)
    return kept


@dataclass(frozen=True)
class FoldMasks:
    """Rows of one fold, each (T,) bool; no row is in two of them."""

    train: Bools
    validation: Bools
    test: Bools


def fold_masks(
    fold: Fold,
    session: Times,
    open_time: Times,
    close_time: Times,
    label_end: Times,
    context: int = 1,
) -> FoldMasks:
    """Row masks of a fold, purged: no sample of a span reaches into one that is to stay unseen.

    Training rows keep away from validation and test, validation rows from test: a row before such
    a span is kept when its label ends by the span's first open, a row after it when its context
    starts no earlier than what the span's last label saw. Validation labels end by the close of
    their own part's last bar, since whoever trains a walk-forward fold has not loaded its test
    span, and whoever has must find the same rows. Test rows are all kept: they are scored, not
    learned from.

    Args:
        fold: the spans.
        session: (T,) datetime64, session date of each row.
        open_time: (T,) datetime64 UTC, when each bar opens.
        close_time: (T,) datetime64 UTC, when each bar closes.
        label_end: (T,) datetime64 UTC, when each row's label becomes known; NaT if unknown.
        context: bars that a sample takes, its own the last.

    Returns:
        Masks of shape (T,).
    """
    rows = {name: span.mask(session) for name, span in fold.spans.items()}
    first_bar = np.maximum(np.arange(len(session)) - (context - 1), 0)
    columns = (open_time, close_time, label_end)
    samples = (open_time[first_bar], label_end)
    for part in _rows_of_parts(fold.validation, session):
        rows["train"] &= _apart(part, samples, columns)
        ends_inside = purged(label_end, close_time[part].max())
        rows["validation"] &= ~part | ends_inside
    for part in _rows_of_parts(fold.test, session):
        apart = _apart(part, samples, columns)
        rows["train"] &= apart
        if not fold.is_ordered:
            rows["validation"] &= apart
    if rows["train"].any() and not rows["validation"].any():
        rows["train"] &= purged(label_end, close_time[rows["train"]].max())
    return FoldMasks(**rows)


def _rows_of_parts(span: Span, session: Times) -> list[Bools]:
    masks = [part.mask(session) for part in span.parts]
    return [mask for mask in masks if mask.any()]


def _apart(part: Bools, samples: tuple[Times, Times], columns: tuple[Times, Times, Times]) -> Bools:
    """(T,) whether a row's sample, context to label, keeps off the part's rows and labels."""
    first_input, last_seen = samples
    open_time, close_time, label_end = columns
    seen = label_end[part]
    end = max([close_time[part].max(), *([np.nanmax(seen)] if not np.isnat(seen).all() else [])])
    after: Bools = ~np.isnat(last_seen) & (first_input >= end)
    return after | purged(last_seen, open_time[part].min())
