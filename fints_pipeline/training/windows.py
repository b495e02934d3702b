"""Windows over one tensor, resident or mapped, gathered by index: no per-item Python."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterable, Iterator
from itertools import chain

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fints_pipeline.base.errors import ConfigError, UserError
from fints_pipeline.training.dataset import BoolArray

Rows = NDArray[np.int64]


class WindowTable:
    """The rows of all series, one below the other, and windows of any length into them.

    A window is named by the global row of its current bar, `global_rows(series, t)`. The caller
    picks rows whose window stays within their series; `window_fits` finds them.

    Args:
        blocks: per series an array of shape (T,) or (T, F).
        mapped_rows: None keeps the table in memory; else the number of all rows: it is then written
            block by block to a file without a name, in the system's temporary folder, and mapped
            from there. Windows are the same.
    """

    def __init__(
        self, blocks: Iterable[NDArray[np.generic]], mapped_rows: int | None = None
    ) -> None:
        if mapped_rows is None:
            kept = list(blocks)
            joined, lengths = np.concatenate(kept), [len(block) for block in kept]
            joined = np.ascontiguousarray(joined, dtype=_kind(joined))
        else:
            joined, lengths = _mapped(iter(blocks), mapped_rows)
        self._is_mapped = mapped_rows is not None
        self.values = torch.from_numpy(joined)
        self.offsets = np.cumsum([0, *lengths])[:-1]
        self._offsets = torch.from_numpy(self.offsets.astype(np.int64))

    def __getstate__(self) -> dict[str, object]:
        """Return what a copy holds; a mapped table has none, since it would be all in memory."""
        if self._is_mapped:
            raise ConfigError(
                "a windows' table that is mapped from a file cannot be copied to other processes",
                where="hardware.processes",
                fix="set it to 1, or raise hardware.memory_share",
            )
        return self.__dict__

    def global_rows(self, series: int, chosen: BoolArray, stride: int = 1) -> Rows:
        """Return the global rows of every ``stride``-th of a series' chosen rows.

        Args:
            series: which one.
            chosen: (T,) mask of its rows.
            stride: counted in bars from the series' first row, so that a sample does not move when
                rows before it are chosen or not.
        """
        local = np.flatnonzero(chosen)
        rows: Rows = self.offsets[series] + local[local % stride == 0]
        return rows

    def series_of(self, rows: Tensor) -> Tensor:
        """Return the number of the series that each global row belongs to, int64 (B,)."""
        return torch.bucketize(rows, self._offsets, right=True) - 1

    def past(self, rows: Tensor, length: int) -> Tensor:
        """Return rows t − length + 1 … t of each t: (B, L) or (B, L, F)."""
        return _gather(self.values, rows - length + 1, length)

    def future(self, rows: Tensor, length: int) -> Tensor:
        """Return rows t + 1 … t + length of each t: (B, H) or (B, H, F)."""
        return _gather(self.values, rows + 1, length)


def _kind(block: NDArray[np.generic]) -> type[np.generic]:
    return np.float32 if block.dtype.kind == "f" else np.int64


def _mapped(
    blocks: Iterator[NDArray[np.generic]], rows: int
) -> tuple[NDArray[np.generic], list[int]]:
    """Return the rows of all blocks, of which one is in memory at a time, and their lengths.

    Raises:
        UserError: the temporary folder has no room for them.
    """
    first = next(blocks)
    with tempfile.TemporaryFile(prefix="fints-windows-") as file:
        shape = (rows, *first.shape[1:])
        _reserve(file.fileno(), math.prod(shape) * np.dtype(_kind(first)).itemsize)
        table = np.memmap(file, dtype=_kind(first), mode="w+", shape=shape)
        lengths: list[int] = []
        for block in chain([first], blocks):
            done = sum(lengths)
            table[done : done + len(block)] = block
            lengths.append(len(block))
    return table, lengths


def _reserve(file: int, size: int) -> None:
    """Take the room on disk now: a write to a mapped page that finds none ends the process."""
    try:
        os.posix_fallocate(file, 0, size)
    except OSError as error:
        raise UserError(
            f"no room for a windows' table of {size / 1e9:.1f} GB: {error.strerror}",
            where=tempfile.gettempdir(),
            fix="set TMPDIR to a folder with room, or raise hardware.memory_share",
        ) from error


def _gather(values: Tensor, starts: Tensor, length: int) -> Tensor:
    windows = values.unfold(0, length, 1).index_select(0, starts)
    return windows.transpose(1, 2) if windows.dim() == 3 else windows


def window_fits(finite: BoolArray, lookback: int, horizon: int = 0) -> BoolArray:
    """Mark rows t of one series whose whole window is there and finite.

    Args:
        finite: (T,) rows without a missing value.
        lookback: L; the window takes rows t − L + 1 … t.
        horizon: H; the target takes rows t + 1 … t + H.

    Returns:
        (T,) bool.
    """
    count = len(finite)
    fits = np.zeros(count, dtype=np.bool_)
    length = lookback + horizon
    if count >= length:
        bad = np.concatenate([[0], np.cumsum(~finite)])
        fits[lookback - 1 : count - horizon] = bad[length:] == bad[: count - length + 1]
    return fits
