"""Where a bar stands in the day, the week and the year, as columns that networks may ask for."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from fints_pipeline.training.dataset import Stamps

COLUMNS = ("day_sin", "day_cos", "week_sin", "week_cos", "year_sin", "year_cos")
"""Fourier pairs of the minute of the day, of the week, and of the year, in UTC."""

_DAY = 24 * 60
_PERIODS = (_DAY, 7 * _DAY, 365.25 * _DAY)
_THURSDAY = 3 * _DAY  # the epoch's weekday, so that a week begins on Monday


class CalendarColumns:
    """Calendar columns of past bars, and of the next ones as the clock alone tells them.

    Causal: the next bars are taken to follow one another at the frequency. That holds within a
    session; across its end it is an hour that will not be traded, told alike in training and in
    use. Later bars' own stamps are never read, so that a halt or an early close cannot leak.

    Args:
        close_time: per series the stamps (T,) of its bars.
        minutes: between bars.
    """

    def __init__(self, close_time: Sequence[Stamps], minutes: int) -> None:
        joined = np.concatenate(close_time).astype("datetime64[m]").astype(np.int64)
        self._minute_N = torch.from_numpy(joined)
        self._minutes = minutes

    def past(self, rows: Tensor, length: int) -> Tensor:
        """Return the columns (B, L, K) of rows t − L + 1 … t of each t."""
        offsets = torch.arange(1 - length, 1)
        return _columns(self._minute_N[rows[:, None] + offsets])

    def future(self, rows: Tensor, length: int) -> Tensor:
        """Return the columns (B, H, K) of the next H bars of each t."""
        ahead = torch.arange(1, length + 1) * self._minutes
        return _columns(self._minute_N[rows][:, None] + ahead)


def _columns(minute: Tensor) -> Tensor:
    parts = []
    for period in _PERIODS:
        shifted = minute + _THURSDAY if period == 7 * _DAY else minute
        angle = (shifted.double() % period) * (2 * math.pi / period)
        parts += [angle.sin(), angle.cos()]
    return torch.stack(parts, dim=-1).float()
