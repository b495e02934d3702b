"""Attention maps of a network: a diagnosis of where it looks, not an explanation of what it says.

Sources: Jain and Wallace, Attention is not Explanation (2019); Abnar and Zuidema, Quantifying
Attention Flow in Transformers (2020), for the rollout.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from fints_pipeline.models._bert import eager_attention
from fints_pipeline.models._patch_encoder import PatchEncoder
from fints_pipeline.training.batches import Batch
from fints_pipeline.training.dataset import FloatArray


def of_tokens(network: nn.Module, run: Callable[[], object]) -> FloatArray:
    """Return the attention of every BERT layer that a pass of the network uses.

    Args:
        network: any network with a BERT encoder within.
        run: passes windows through it.

    Returns:
        (layers, heads, L, L) mean over the windows, rows (queries) summing to one; no layers where
        the network has no such encoder.
    """
    from transformers.models.bert.modeling_bert import BertSelfAttention

    found: list[FloatArray] = []

    def keep(_: nn.Module, __: object, output: Any) -> None:
        found.append(cast(Tensor, output[1]).mean(dim=0).double().numpy())

    hooks = [
        part.register_forward_hook(keep)
        for part in network.modules()
        if isinstance(part, BertSelfAttention)
    ]
    try:
        with eager_attention(network), torch.no_grad():
            run()
    finally:
        for hook in hooks:
            hook.remove()
    return np.stack(found) if found else np.empty((0, 0, 0, 0))


def of_patches(network: nn.Module, batch: Batch) -> FloatArray:
    """Return the attention of a patch encoder's layers over the windows' patches.

    Returns:
        (layers, heads, N, N) mean over windows and channels; no layers where the network has no
        patch encoder.
    """
    towers = [part for part in network.modules() if isinstance(part, PatchEncoder)]
    if not towers:
        return np.empty((0, 0, 0, 0))
    layers = towers[0].maps(batch["past"])
    return np.stack([layer.mean(dim=0).double().numpy() for layer in layers])


def rollout(maps: FloatArray) -> FloatArray:
    """Return (L, L) how much of each input reaches each output, attention taken for the flow.

    Heads are averaged, half of each layer is its skip connection, and layers are multiplied.

    Args:
        maps: (layers, heads, L, L).
    """
    length = maps.shape[-1]
    flow = np.eye(length)
    for layer in maps.mean(axis=1):
        flow = (0.5 * layer + 0.5 * np.eye(length)) @ flow
    return flow
