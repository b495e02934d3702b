"""Sample order as a function of seed and epoch, and batches gathered by index."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from fints_pipeline.base.errors import ConfigError
from fints_pipeline.training.seeds import generator

Batch = dict[str, Tensor]
COPIES = "copies"
"""Key of a part's number of copies: a batch too small to be shared is given to every process."""
_ORDER, _DRAW = 1, 2  # what a derived generator is for


class Samples(Protocol):
    """Samples of one split, addressed by position."""

    def __len__(self) -> int:
        """Return the number of samples."""

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return the samples at ``positions``; what is random in them comes from ``draws``."""


@runtime_checkable
class Arranged(Protocol):
    """Samples with a say in which of them share a batch."""

    def shuffled(self, size: int, draws: torch.Generator) -> Tensor:
        """Return every position once, in the order of an epoch whose batches hold ``size``."""


class Batches:
    """One epoch of batches.

    The order of an epoch and the draws of a batch depend on the seed, the epoch and the batch's
    number alone: a fit that starts over at step s gets the batches that it would have got.

    Args:
        samples: where the batches come from.
        size: samples a batch; the last one may be smaller.
        seed: of order and draws.
        step: optimiser steps taken so far; it tells the epoch and the batches to skip.
        shuffle: off for evaluation, where every pass is then the same.
        accumulate: batches a step.
        rank: of this process among those that share each batch.
        processes: that share each batch; together they get what one would get, masks included.
    """

    def __init__(
        self,
        samples: Samples,
        size: int,
        seed: int,
        *,
        step: int = 0,
        shuffle: bool = True,
        accumulate: int = 1,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.samples = samples
        self.size = size
        self.seed = seed
        self.shuffle = shuffle
        self.accumulate = accumulate
        self.rank = rank
        self.processes = processes
        self.epoch, done = divmod(step, self.steps_per_epoch)
        self.skip = done * accumulate

    @property
    def per_epoch(self) -> int:
        """Batches in a whole epoch."""
        return -(-len(self.samples) // self.size)

    @property
    def steps_per_epoch(self) -> int:
        """Optimiser steps in a whole epoch; the last may be of fewer batches."""
        return -(-self.per_epoch // self.accumulate)

    def __len__(self) -> int:
        """Return the number of batches in the whole epoch, those already taken included.

        Lightning counts them on where a fit goes on within an epoch.
        """
        return self.per_epoch

    def __iter__(self) -> Iterator[Batch]:
        """Yield the epoch's batches from the first that was not taken yet."""
        order = self._order()
        for number in range(self.skip, self.per_epoch):
            positions = order[number * self.size : (number + 1) * self.size]
            draws = generator(self.seed, _DRAW, self.epoch, number)
            batch = self.samples.batch(positions, draws)
            yield batch if self.processes == 1 else part_of(batch, self.rank, self.processes)

    def _order(self) -> Tensor:
        count = len(self.samples)
        if not self.shuffle:
            return torch.arange(count)
        draws = generator(self.seed, _ORDER, self.epoch)
        if isinstance(self.samples, Arranged):
            return self.samples.shuffled(self.size, draws)
        return torch.randperm(count, generator=draws)


def part_of(batch: Batch, rank: int, processes: int) -> Batch:
    """Return every ``processes``-th sample of a batch, from ``rank`` on; a very small one whole.

    Raises:
        ConfigError: the batch is no list of samples.
    """
    counts = {len(value) for value in batch.values() if value.dim()}
    if len(counts) != 1:
        raise ConfigError(
            "batches of consecutive bars cannot be shared between processes",
            where="hardware.processes",
            fix="set it to 1 for losses of what a portfolio earns",
        )
    if counts.pop() < processes:
        return {**batch, COPIES: torch.tensor(float(processes))}
    return {name: value[rank::processes] for name, value in batch.items()}
