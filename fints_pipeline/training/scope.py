"""Which bars are predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from fints_pipeline.training.dataset import BoolArray, Stamps
from fints_pipeline.training.record import TrainingRecord
from fints_pipeline.walkforward.folds import Fold, Span


@dataclass(frozen=True)
class Scope:
    """Which bars are predicted.

    Attributes:
        spans: sessions to predict.
        in_sample: allow bars of the model's own training span and older ones.
    """

    spans: tuple[Span, ...]
    in_sample: bool = False

    @classmethod
    def of_fold(cls, fold: Fold) -> Scope:
        """Return a fold's validation and test spans."""
        return cls((fold.validation, fold.test))

    def rows(self, record: TrainingRecord, session: Stamps) -> BoolArray:
        """Mark the rows (T,) to predict.

        Raises:
            LookAheadError: one of them lies in the span that the model was trained on, as its own
                record tells it.
        """
        chosen = np.zeros(len(session), dtype=np.bool_)
        for span in self.spans:
            chosen |= span.mask(session)
        if not self.in_sample:
            record.refuse_training_span(session[chosen])
        return chosen
