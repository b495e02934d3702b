"""Text embeddings on bars, and windows of them: one vector a bar that had news, none elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fints_pipeline.base.errors import SchemaError
from fints_pipeline.training.dataset import Stamps
from fints_pipeline.training.text_cache import CachedText
from fints_pipeline.training.windows import WindowTable

NONE = -1
_NO_LAG = timedelta(0)


@dataclass(frozen=True)
class BarText:
    """The news of one instrument's bars.

    Attributes:
        place: (T,) row of `vectors`, `NONE` at bars without news.
        vectors: (P, E) float32, one a bar that had news.
    """

    place: NDArray[np.int64]
    vectors: Tensor


def on_bars(
    open_time: Stamps, close_time: Stamps, cached: CachedText, lag: timedelta = _NO_LAG
) -> BarText:
    """Return, for each bar, the mean vector of what was published since the bar before it.

    Causal: bar t takes the items with ``close_time[t − 1] < known_at + lag <= close_time[t]``; what
    comes out while the market is closed belongs to the first bar after it. The first bar counts
    from its own open. Each bar is summed on its own: its vector does not depend on the rows before.

    Args:
        open_time: (T,) ascending, UTC.
        close_time: (T,) ascending, UTC.
        cached: the instrument's embedded news.
        lag: time that passes between publication and use.

    Raises:
        SchemaError: ``lag`` is negative.
    """
    if lag < _NO_LAG:
        raise SchemaError(f"a lag of {lag} would look ahead", fix="give 0 or more")
    known = cached.known_at + np.timedelta64(lag)
    edges = np.concatenate([open_time[:1], close_time])
    until = np.searchsorted(known, edges, side="right")
    starts, stops = until[:-1], until[1:]
    bars = np.flatnonzero(stops > starts)
    place = np.full(len(close_time), NONE, dtype=np.int64)
    place[bars] = np.arange(len(bars))
    texts = torch.from_numpy(cached.text)
    means = [cached.vectors[texts[starts[bar] : stops[bar]]].mean(0) for bar in bars]
    width = cached.vectors.shape[1]
    return BarText(place, torch.stack(means) if means else torch.empty(0, width))


class TextWindows:
    """Windows of bar texts over all series, laid out as their `WindowTable`.

    Vectors are stored once a bar that has one; a window is gathered when it is asked for.

    Args:
        blocks: per series the texts of its rows, in the order of the other tables.
        width: E.
    """

    def __init__(self, blocks: Sequence[BarText], width: int) -> None:
        first = np.cumsum([0, *(len(block.vectors) for block in blocks)])
        self._places = WindowTable(
            [
                np.where(block.place == NONE, NONE, block.place + start)
                for block, start in zip(blocks, first, strict=False)
            ]
        )
        # The last row is what NONE points at: zeros, hidden by the mask.
        self._vectors = torch.cat([*(block.vectors for block in blocks), torch.zeros(1, width)])
        self.width = width

    def past(self, rows: Tensor, length: int) -> tuple[Tensor, Tensor]:
        """Return text (B, L, E) and its mask (B, L) of bars t − length + 1 … t of each row t."""
        places_BL = self._places.past(rows, length)
        return self._vectors[places_BL], places_BL != NONE
