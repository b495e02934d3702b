"""Softmax attention of many short sequences with narrow heads, arranged for CPUs.

torch's fused kernel is made for long sequences and wide heads. With 42 patches and heads of 4 its
vectors are mostly empty; small matrix products over patches as the contiguous dimension take a
third of the time. The results are the same up to rounding.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


class SoftmaxMix(torch.autograd.Function):
    """softmax(scores) · values, for scores (G, N, N) and values (G, K, N); gives (G, N, K).

    Autograd's own derivative multiplies by the transposed weights, the slowest of the small
    products; here the transposed product is taken instead.
    """

    @staticmethod
    def forward(ctx: Any, scores_GNN: Tensor, v_GKN: Tensor) -> Tensor:
        """Mix values by the softmax over the last dimension."""
        weights_GNN = scores_GNN.softmax(-1)
        ctx.save_for_backward(weights_GNN, v_GKN)
        return torch.bmm(weights_GNN, v_GKN.transpose(1, 2))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor]:
        """Return the gradients of scores and values."""
        weights_GNN, v_GKN = ctx.saved_tensors
        (out_GNK,) = gradients
        values = torch.bmm(out_GNK.transpose(1, 2), weights_GNN)
        mixed_GNN = torch.bmm(out_GNK, v_GKN)
        scores = torch._softmax_backward_data(mixed_GNN, weights_GNN, -1, weights_GNN.dtype)
        return scores, values


def scores(q_GKN: Tensor, k_GKN: Tensor, earlier_GNN: Tensor | None = None) -> Tensor:
    """Return q · kᵀ / √K (G, N, N), added to those of the layer before where given."""
    scaled_GNK = (q_GKN * q_GKN.shape[1] ** -0.5).transpose(1, 2)
    if earlier_GNN is None:
        return torch.bmm(scaled_GNK, k_GKN)
    return torch.baddbmm(earlier_GNN, scaled_GNK, k_GKN)


def mix(scores_GNN: Tensor, v_GKN: Tensor) -> Tensor:
    """Return softmax(scores) · values (G, N, K)."""
    if torch.is_autocast_enabled(scores_GNN.device.type):
        # Autocast picks a type for each product, of the backward pass too; ours would mix them.
        return torch.bmm(scores_GNN.softmax(-1), v_GKN.transpose(1, 2))
    mixed: Tensor = SoftmaxMix.apply(scores_GNN, v_GKN)  # type: ignore[no-untyped-call]
    return mixed
