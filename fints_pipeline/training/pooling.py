"""What the processes that share a batch have to add up, so that they compute what one would."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


def is_shared() -> bool:
    """Return whether other processes compute with this one."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def pooled(loss: Tensor, weight: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return what to differentiate, the batch's mean loss and its weight, over all processes.

    Each process has the mean and weight of its part. DDP averages the gradients as if the parts
    weighed the same, so each part is scaled by its weight over the mean weight: the average is then
    the gradient of the whole batch's weighted mean.
    """
    if not is_shared():
        return loss, loss.detach(), weight
    own = weight.double()
    # A part without anything to guess has no mean; it weighs nothing.
    error = torch.where(own > 0, loss.detach().double() * own, 0.0)
    sums = torch.stack([error, own])
    dist.all_reduce(sums)
    total = sums[1].clamp(min=torch.finfo(torch.float64).tiny)
    factor = own * dist.get_world_size() / total
    return loss * factor.to(loss), sums[0] / total, sums[1]


class PooledBatchNorm1d(nn.BatchNorm1d):
    """BatchNorm whose statistics are those of the whole batch, over CPUs as well as GPUs."""

    def forward(self, input: Tensor) -> Tensor:
        """Normalise; in evaluation mode and in a single process as `torch.nn.BatchNorm1d` does."""
        if not (self.training and is_shared()):
            return super().forward(input)
        axes = [axis for axis in range(input.dim()) if axis != 1]
        shape = [1, -1] + [1] * (input.dim() - 2)
        here = input.new_tensor([input.numel() // input.shape[1]])
        sums = _summed(torch.cat([input.sum(axes), here]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = input - mean.view(shape)
        variance = _summed(centred.square().sum(axes)) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        if self.weight is None:
            return normal
        return normal * self.weight.view(shape) + self.bias.view(shape)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        share = self.momentum
        if share is None:
            share = 1.0 / float(self.num_batches_tracked)
        self.running_mean.lerp_(mean, share)
        self.running_var.lerp_(variance, share)


class _Sum(torch.autograd.Function):
    """A tensor's sum over all processes; each sends back what the others ask for."""

    @staticmethod
    def forward(ctx: Any, value: Tensor) -> Tensor:
        total = value.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def _summed(value: Tensor) -> Tensor:
    total: Tensor = _Sum.apply(value)  # type: ignore[no-untyped-call]
    return total


@contextmanager
def batch_norm_pooled(network: nn.Module) -> Iterator[None]:
    """Let the network's BatchNorm layers see the whole batch."""
    layers = [layer for layer in network.modules() if type(layer) is nn.BatchNorm1d]
    for layer in layers:
        layer.__class__ = PooledBatchNorm1d
    try:
        yield
    finally:
        for layer in layers:
            layer.__class__ = nn.BatchNorm1d
