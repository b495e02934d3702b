"""Objectives: a network and a batch in, the batch's mean loss and its weight out.

The weight makes means of several batches add up to the mean over all their samples.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from fints_pipeline.training.batches import Batch
from fints_pipeline.training.calls import call
from fints_pipeline.training.contiguous import held
from fints_pipeline.training.losses import ClassLoss, ForecastLoss
from fints_pipeline.training.losses.sharpe import Sharpe
from fints_pipeline.training.masking import IGNORED

SHORTEST_STRETCH = 2  # a Sharpe ratio of fewer bars is none

Objective = Callable[[nn.Module, Batch], tuple[Tensor, Tensor]]


def masked_cross_entropy(network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
    """Cross-entropy (nats) of the positions that were hidden; weighted by their number.

    Of factorised tokens it is the sum over the fields: −ln p of the whole bar, whose fields are
    told independently given the context.
    """
    logits, labels = token_output(network, batch).logits, batch["labels"]
    if not isinstance(logits, tuple):
        logits, labels = (logits,), labels[..., None]
    hidden = labels[..., 0] != IGNORED
    # The softmax over the vocabulary is most of a small model's work: hidden positions only.
    losses = [
        cross_entropy(of_field[hidden], labels[hidden][:, field])
        for field, of_field in enumerate(logits)
    ]
    return torch.stack(losses).sum(), hidden.sum()


def token_output(network: nn.Module, batch: Batch) -> Any:
    """Return a token network's output; labels are kept from it, its loss is not used."""
    names = ("input_ids", "attention_mask")
    return network(**{name: batch[name] for name in names if name in batch})


@dataclass(frozen=True)
class ClassObjective:
    """A loss of classes, each with a weight."""

    loss: ClassLoss
    class_weights: Tensor

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the weighted mean and the sum of the samples' weights."""
        logits = call(network, batch).logits
        return self.loss(logits, batch["labels"], self.class_weights)


@dataclass(frozen=True)
class TagObjective:
    """A loss of the tags whose class is known: the network's CRF, or a loss of classes."""

    loss: ClassLoss
    class_weights: Tensor

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the mean over the known tags, and their number or the sum of their weights."""
        labels_BL = batch["labels"]
        known_BL = labels_BL != IGNORED
        if getattr(network, "crf", None) is not None:
            names = ("input_ids", "attention_mask", "labels")
            given = {name: batch[name] for name in names if name in batch}
            return network(**given).loss, known_BL.sum()
        logits_BLK = token_output(network, batch).logits
        return self.loss(logits_BLK[known_BL], labels_BL[known_BL], self.class_weights)


@dataclass(frozen=True)
class PortfolioObjective:
    """The Sharpe surrogate of consecutive bars.

    The batch starts with the positions of the moment before it, as the network would hold them
    now; they carry no gradient.

    Attributes:
        loss: the surrogate.
        head: of the network, None for a point forecast without one.
        target: place of the target channel.
    """

    loss: Sharpe
    head: Any
    target: int

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the loss of the stretch, and its number of moments; 0 and 0 of a single one."""
        position_N = position_of(call(network, batch), self.head, self.target)
        position_TI = held(position_N, batch["place"])
        returns_TI = batch["returns"]
        if len(returns_TI) < SHORTEST_STRETCH:
            return 0.0 * position_N.sum(), position_N.new_tensor(0)
        loss, _ = self.loss.portfolio(position_TI[1:], returns_TI, position_TI[0].detach())
        return loss, position_N.new_tensor(len(returns_TI))


def position_of(forecast: Tensor, head: Any, target: int) -> Tensor:
    """Return positions (B,) in [-1, 1]: the hyperbolic tangent of the next bar's forecast."""
    place = target if forecast.shape[2] > 1 else 0
    of_target = forecast[:, :1, place : place + 1]
    if head is not None and head.kind != "point":
        of_target = head.mean(of_target)
    return of_target.flatten(1)[:, 0].tanh()


@dataclass(frozen=True)
class ForecastObjective:
    """A loss of forecasts, in scaled units: a weighted mean over the channels.

    Attributes:
        loss: of each number; None takes the head's own.
        head: of the network, None for a point forecast without one.
        channel_weights: (C,).
        target: place of the target channel, the only one of networks that forecast no other.
        scale_IC: by instrument and channel; see `ForecastLoss`.
    """

    loss: ForecastLoss | None
    head: Any
    channel_weights: Tensor
    target: int
    scale_IC: Tensor

    def __call__(self, network: nn.Module, batch: Batch) -> tuple[Tensor, Tensor]:
        """Return the mean over samples and steps, and the number of samples."""
        forecast, actual = call(network, batch, teach=True), batch["future"]
        weights = self.channel_weights
        scale_BC = self.scale_IC.to(forecast)[batch["instrument"]]
        if forecast.shape[2] < actual.shape[2]:
            only = slice(self.target, self.target + 1)
            actual, weights, scale_BC = actual[:, :, only], weights[only], scale_BC[:, only]
        if self.loss is not None:
            each_BHC = self.loss(forecast, actual, scale_BC)
        else:
            each_BHC = self.head.loss(forecast, actual)
        error_C = each_BHC.mean(dim=(0, 1))
        weights = weights.to(error_C)
        return (error_C * weights).sum() / weights.sum(), error_C.new_tensor(len(actual))
