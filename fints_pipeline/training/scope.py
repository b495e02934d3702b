"""Which bars are predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.base.time import minutes
from fints_pipeline.training.dataset import BoolArray, Series
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.walkforward.folds import Fold, Span


@dataclass(frozen=True)
class Scope:
    """Which bars are predicted.

    Attributes:
        spans: sessions to predict.
        in_sample: allow bars of the model's own training span and older ones.
        every: bars from one predicted bar to the next, counted from each session's first.
    """

    spans: tuple[Span, ...]
    in_sample: bool = False
    every: int = 1

    @classmethod
    def of_fold(cls, fold: Fold, every: int = 1) -> Scope:
        """Return a fold's validation and test spans."""
        return cls((fold.validation, fold.test), every=every)

    def rows(self, record: TrainingRecord, series: Series) -> BoolArray:
        """Mark the rows (T,) of a series to predict.

        Raises:
            LookAheadError: one of them lies in the span that the model was trained on, as its own
                record tells it.
        """
        session = series.session
        chosen = np.zeros(len(session), dtype=np.bool_)
        for span in self.spans:
            chosen |= span.mask(session)
        if self.every > 1:
            chosen &= bar_of_session(series, minutes(record.frequency)) % self.every == 0
        if not self.in_sample:
            record.refuse_training_span(session[chosen])
        return chosen


def bar_of_session(series: Series, bar_minutes: int) -> NDArray[np.int64]:
    """Return how many bars of time (T,) have passed since the first bar of each row's session.

    A filled bar counts, and so does one that is missing.
    """
    starts = np.flatnonzero(np.diff(series.session, prepend=np.datetime64("NaT")) != 0)
    lengths = np.diff(np.append(starts, len(series)))
    first = np.repeat(series.open_time[starts], lengths)
    return np.asarray((series.open_time - first) // np.timedelta64(bar_minutes, "m"), np.int64)
