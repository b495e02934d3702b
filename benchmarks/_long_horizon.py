"""The standard long-horizon data sets: borders, scaling, windows, scores as in the papers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.training.batches import Batch
from fints_pipeline.training.windows import WindowTable

MONTH = 30 * 24  # hours
SPLITS = ("train", "validation", "test")
Forecaster = Callable[[Batch], Tensor]


@dataclass(frozen=True)
class Series:
    """A multivariate series in scaled units.

    Attributes:
        values: (T, C), less the training span's mean, over its standard deviation.
        calendar: (T, K) hour of day, day of week, of month and of year, each −.5 … .5; K is 0
            where the file has no dates.
        borders: where train, validation and test begin and end, as rows of their forecasts' steps.
    """

    name: str
    values: NDArray[np.float32]
    calendar: NDArray[np.float32]
    borders: dict[str, tuple[int, int]]


@dataclass(frozen=True)
class Windows:
    """Every window of a split: past (B, L, C), future (B, H, C), past_time (B, L, K)."""

    table: WindowTable
    calendar: WindowTable | None
    rows: Tensor
    lookback: int
    horizon: int

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.rows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return the windows at ``positions``; nothing in them is random."""
        rows = self.rows[positions]
        batch = {
            "past": self.table.past(rows, self.lookback),
            "future": self.table.future(rows, self.horizon),
        }
        if self.calendar is not None:
            batch["past_time"] = self.calendar.past(rows, self.lookback)
        return batch


def load_series(name: str, folder: Path) -> Series:
    """Return a data set of the folder ``benchmarks`` in the shared data.

    Raises:
        ConfigError: the file is not there.
    """
    file, has_dates = {
        "ETTh1": ("ETTh1.csv", True),
        "exchange_rate": ("exchange_rate.txt.gz", False),
    }[name]
    path = folder / "benchmarks" / file
    if not path.exists():
        raise ConfigError(
            "no long-horizon data set here",
            where=str(path),
            fix="set FINTS_SHARED_DATA to a folder with benchmarks/ETTh1.csv",
        )
    table = pd.read_csv(path) if has_dates else pd.read_csv(path, header=None)
    calendar = np.empty((len(table), 0), np.float32)
    if has_dates:
        calendar = _calendar(pd.DatetimeIndex(pd.to_datetime(table.pop("date"))))
    borders = _months_of_12_4_4() if has_dates else _shares_of_70_10_20(len(table))
    raw = table.to_numpy(float)
    train = raw[slice(*borders["train"])]
    scaled = (raw - train.mean(axis=0)) / train.std(axis=0)
    return Series(name, scaled.astype(np.float32), calendar, borders)


def windows(series: Series, lookback: int, horizon: int, *, calendar: bool) -> dict[str, Windows]:
    """Return the windows of each split; those of validation and test look back over the border."""
    table = WindowTable([series.values])
    times = WindowTable([series.calendar]) if calendar and series.calendar.shape[1] else None
    found = {}
    for split, (start, end) in series.borders.items():
        first = max(start, lookback) - 1  # the window's last row
        rows = torch.arange(first, end - horizon)
        found[split] = Windows(table, times, rows, lookback, horizon)
    return found


@torch.no_grad()
def score(
    network: nn.Module, samples: Windows, *, batch_size: int = 256, drop_last: int | None = None
) -> tuple[float, float]:
    """Return the mean squared and the mean absolute error of a split, in scaled units.

    Args:
        network: put into evaluation mode.
        samples: the split.
        batch_size: windows at a time; it does not change the result.
        drop_last: None for every window. The published tables left out the last windows that did
            not fill a batch of this size: the legacy mode that reproduces them.
    """
    network.eval()
    count = len(samples)
    if drop_last is not None:
        count -= count % drop_last
    squared = absolute = values = 0.0
    for positions in torch.split(torch.arange(count), batch_size):
        batch = samples.batch(positions, torch.Generator())
        actual = batch.pop("future")
        error = (network(**batch) - actual).double()
        squared += float(error.square().sum())
        absolute += float(error.abs().sum())
        values += error.numel()
    return squared / values, absolute / values


def _calendar(stamps: pd.DatetimeIndex) -> NDArray[np.float32]:
    columns = [
        stamps.hour / 23,
        stamps.dayofweek / 6,
        (stamps.day - 1) / 30,
        (stamps.dayofyear - 1) / 365,
    ]
    return np.stack([np.asarray(column) - 0.5 for column in columns], axis=1).astype(np.float32)


def _months_of_12_4_4() -> dict[str, tuple[int, int]]:
    edges = (0, 12 * MONTH, 16 * MONTH, 20 * MONTH)
    return dict(zip(SPLITS, itertools.pairwise(edges), strict=True))


def _shares_of_70_10_20(count: int) -> dict[str, tuple[int, int]]:
    train, test = int(count * 0.7), int(count * 0.2)
    edges = (0, train, count - test, count)
    return dict(zip(SPLITS, itertools.pairwise(edges), strict=True))
