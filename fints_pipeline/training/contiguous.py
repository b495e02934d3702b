"""Batches of consecutive bars of all instruments, for losses of what a portfolio earns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fints_pipeline.training.batches import Batch
from fints_pipeline.training.dataset import Series
from fints_pipeline.training.samples import PastAndFuture


@dataclass(frozen=True)
class ConsecutiveBars:
    """T moments in time order, each with the windows of the I instruments that end there.

    A batch is a stretch of moments with the one before it, whose positions it starts with.

    Attributes:
        windows: gives the inputs of a global row.
        row_TI: global rows, -1 where an instrument has no usable bar at that moment.
        return_TI: of the bar that ends there, as a fraction; 0 where there is none.
    """

    windows: PastAndFuture
    row_TI: Tensor
    return_TI: Tensor

    def __len__(self) -> int:
        """Return T."""
        return len(self.row_TI)

    def shuffled(self, size: int, draws: torch.Generator) -> Tensor:
        """Return all moments in time order: neighbours have to share a batch."""
        return torch.arange(len(self))

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return the inputs of N windows, and where they belong.

        `place` (B + 1, I) names each moment's window, -1 for none; its first row is each
        instrument's last window before the batch, at the very start there is none. `returns` is
        (B, I).
        """
        row_TI = torch.cat([self._before(int(positions[0])), self.row_TI[positions]])
        known_TI = row_TI >= 0
        place_TI = torch.full_like(row_TI, -1)
        place_TI[known_TI] = torch.arange(int(known_TI.sum()))
        inputs = self.windows.inputs(row_TI[known_TI])
        return {**inputs, "place": place_TI, "returns": self.return_TI[positions]}

    def _before(self, moment: int) -> Tensor:
        if moment == 0:
            return torch.full_like(self.row_TI[:1], -1)
        return self.row_TI[:moment].amax(dim=0, keepdim=True)  # rows rise with time


def consecutive_bars(
    windows: PastAndFuture, series: Sequence[Series], target: int
) -> ConsecutiveBars:
    """Return the windows of ``windows.rows`` by moment.

    Args:
        windows: of all series.
        series: their unscaled features; the target's is a log return.
        target: place of the target among them.
    """
    rows = windows.rows.numpy()
    owner = windows.table.series_of(windows.rows).numpy()
    local = rows - windows.table.offsets[owner]
    close = np.empty(len(rows), "datetime64[us]")
    earned = np.empty(len(rows))
    for number, one in enumerate(series):
        own = owner == number
        close[own] = one.close_time[local[own]]
        earned[own] = np.expm1(one.features[local[own], target])
    moments, at = np.unique(close, return_inverse=True)
    row_TI = np.full((len(moments), len(series)), -1, np.int64)
    return_TI = np.zeros(row_TI.shape, np.float32)
    row_TI[at, owner], return_TI[at, owner] = rows, earned
    return ConsecutiveBars(windows, torch.from_numpy(row_TI), torch.from_numpy(return_TI))


def held(position_N: Tensor, place_TI: Tensor) -> Tensor:
    """Return positions (T, I): a window's own, the one before where there is none, 0 at first."""
    moment_T1 = torch.arange(len(place_TI), device=place_TI.device).unsqueeze(1)
    last_TI = torch.where(place_TI >= 0, moment_T1, -1).cummax(dim=0).values
    source_TI = place_TI.gather(0, last_TI.clamp(min=0))
    position_TI = position_N[source_TI.clamp(min=0)]
    return torch.where(source_TI >= 0, position_TI, 0.0)
