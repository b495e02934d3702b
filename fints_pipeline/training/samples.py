"""What networks learn from: batches of windows with their future."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from fints_pipeline.training.batches import Batch
from fints_pipeline.training.calendar_columns import CalendarColumns
from fints_pipeline.training.windows import WindowTable


@dataclass(frozen=True)
class PastAndFuture:
    """Windows of ``lookback`` scaled rows up to ``rows``, and the ``horizon`` rows after them.

    Attributes:
        table: of all series.
        rows: global rows of the current bars.
        lookback: L.
        horizon: H.
        cumulative: whether the future is told as sums from the current bar on.
        calendar: gives past_time and future_time, for networks that ask for them.
    """

    table: WindowTable
    rows: Tensor
    lookback: int
    horizon: int
    cumulative: bool = False
    calendar: CalendarColumns | None = field(default=None, repr=False)

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.rows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return past (B, L, C), future (B, H, C), instrument (B,) and the calendar columns."""
        rows = self.rows[positions]
        future = self.table.future(rows, self.horizon)
        return {
            **self.inputs(rows),
            "future": future.cumsum(dim=1) if self.cumulative else future,
        }

    def inputs(self, rows: Tensor) -> Batch:
        """Return what is known at the close of ``rows``."""
        batch = {
            "past": self.table.past(rows, self.lookback),
            "instrument": self.table.series_of(rows),
        }
        if self.calendar is not None:
            batch["past_time"] = self.calendar.past(rows, self.lookback)
            batch["future_time"] = self.calendar.future(rows, self.horizon)
        return batch
