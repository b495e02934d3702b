"""Integrated gradients, with the check that they sum to what they explain.

Source: Sundararajan, Taly, Yan, Axiomatic Attribution for Deep Networks (2017), through Captum.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients, LayerIntegratedGradients
from torch import Tensor, nn

from fints_pipeline.explain.config import Gradients
from fints_pipeline.training.batches import Batch
from fints_pipeline.training.dataset import FloatArray

AT_ONCE = 1024
"""Points of paths in one pass of the network: bounds memory, changes nothing else."""

Score = Callable[[Batch], Tensor]


@dataclass(frozen=True)
class Attributed:
    """Attributions of a number of windows.

    Attributes:
        values: (N, …) one for each input, in the score's unit.
        change: (N,) score of the window less that of its baseline.
        level: (N,) score of the window.
        steps: points of the path.
    """

    values: FloatArray
    change: FloatArray
    level: FloatArray
    steps: int

    @property
    def error(self) -> float:
        """Largest gap between a window's sum and its change, over the mean absolute change.

        A score that hardly moves is measured by its own size, so that rounding is no gap.
        """
        gap = np.abs(self.values.reshape(len(self.values), -1).sum(axis=1) - self.change)
        rounding = 1e-5 * (1e-3 + np.abs(self.level).mean())
        return float(gap.max() / max(np.abs(self.change).mean(), rounding))


def of_values(
    score: Score, batch: Batch, name: str, baseline: Tensor, settings: Gradients
) -> Attributed:
    """Attribute the score of windows to the numbers of one input.

    Args:
        score: (B,) of a batch, differentiable in the input.
        batch: the windows.
        name: the input; the others stay as they are.
        baseline: of the same shape as the input.
        settings: number of steps and tolerance.
    """
    others = tuple(key for key in batch if key != name)

    def forward(value: Tensor, *rest: Tensor) -> Tensor:
        return score({name: value, **dict(zip(others, rest, strict=True))})

    method = IntegratedGradients(forward)
    return _refined(score, batch, {name: baseline}, method, others, name, settings)


def of_tokens(
    score: Score, batch: Batch, name: str, baseline: Tensor, layer: nn.Module, settings: Gradients
) -> Attributed:
    """Attribute the score of windows to their tokens: positions, or positions and fields.

    The path runs through the embeddings, and what a token is worth is the sum over the dimensions
    of its embedding.

    Args:
        score: (B,) of a batch, differentiable in the layer's output.
        batch: the windows.
        name: the input with the ids (B, L[, F]).
        baseline: ids of the same shape.
        layer: gives the embeddings (B, L[, F], D) of ids.
        settings: number of steps and tolerance.
    """
    others = tuple(key for key in batch if key != name)

    def forward(ids: Tensor, *rest: Tensor) -> Tensor:
        return score({name: ids, **dict(zip(others, rest, strict=True))})

    method = LayerIntegratedGradients(forward, layer)
    found = _refined(score, batch, {name: baseline}, method, others, name, settings)
    return Attributed(found.values.sum(axis=-1), found.change, found.level, found.steps)


def _refined(
    score: Score,
    batch: Batch,
    base: Batch,
    method: IntegratedGradients | LayerIntegratedGradients,
    others: tuple[str, ...],
    name: str,
    settings: Gradients,
) -> Attributed:
    """Double the steps until the sums are right, or there are too many."""
    with torch.no_grad():
        level = score(batch).double().numpy()
        change = level - score({**batch, **base}).double().numpy()
    steps = settings.steps
    while True:
        values = method.attribute(
            batch[name],
            baselines=base[name],
            additional_forward_args=tuple(batch[key] for key in others) or None,
            n_steps=steps,
            internal_batch_size=max(AT_ONCE, steps),
        )
        found = Attributed(values.detach().double().numpy(), change, level, steps)
        if found.error <= settings.tolerance or 2 * steps > settings.most_steps:
            return found
        steps *= 2
