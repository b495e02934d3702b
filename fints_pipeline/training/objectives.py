"""Losses: a network and a batch in, the batch's mean loss and its weight out.

The weight makes means of several batches add up to the mean over all their samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fints_pipeline.training.batches import Batch
from fints_pipeline.training.masking import IGNORED

Objective = Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]


def masked_cross_entropy(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Cross-entropy (nats) of the tokens that were hidden; weighted by their number."""
    output = network(input_ids=batch["input_ids"])
    hidden = batch["labels"] != IGNORED
    # The softmax over the vocabulary is most of a small model's work: hidden positions only.
    return cross_entropy(output.logits[hidden], batch["labels"][hidden]), hidden.sum()


@dataclass(frozen=True)
class ClassCrossEntropy:
    """Cross-entropy (nats) of classes, each with a weight."""

    class_weights: Tensor

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the weighted mean and the sum of the samples' weights."""
        output = network(input_ids=batch["input_ids"])
        weights = self.class_weights.to(output.logits)
        loss = cross_entropy(output.logits, batch["labels"], weight=weights)
        return loss, weights[batch["labels"]].sum()


@dataclass(frozen=True)
class ChannelSquaredError:
    """Squared error of forecasts, in scaled units: a weighted mean over the channels."""

    channel_weights: Tensor

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the mean over samples and steps, and the number of samples."""
        error_C = (network(batch["past"]) - batch["future"]).square().mean(dim=(0, 1))
        weights = self.channel_weights.to(error_C)
        return (error_C * weights).sum() / weights.sum(), error_C.new_tensor(len(batch["past"]))
