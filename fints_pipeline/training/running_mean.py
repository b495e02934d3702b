"""A weighted mean over batches."""

from __future__ import annotations

import torch
from torch import Tensor


class RunningMean:
    """A weighted mean over batches, summed where the batches are until it is asked for."""

    def __init__(self) -> None:
        self._sums: list[Tensor] = []
        self._weights: list[Tensor] = []

    def add(self, mean: Tensor, weight: Tensor) -> None:
        """Add a batch's mean and weight."""
        self._sums.append(mean.double() * weight)
        self._weights.append(weight.double())

    def take(self) -> float:
        """Return the mean and start over."""
        total = float(torch.stack(self._sums).sum() / torch.stack(self._weights).sum())
        self._sums, self._weights = [], []
        return total

    def state(self) -> dict[str, list[Tensor]]:
        """Return what was added so far, for a checkpoint."""
        return {"sums": list(self._sums), "weights": list(self._weights)}

    def resume(self, state: dict[str, list[Tensor]]) -> None:
        """Take back what `state` returned."""
        self._sums, self._weights = list(state["sums"]), list(state["weights"])
