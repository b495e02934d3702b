"""What is done to training batches alone: noise on the inputs, and temporal mixup.

Both draw from torch's global generator, which the loop ties to the optimiser step.
Source: Zhang et al., mixup: Beyond Empirical Risk Minimization (2018).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from fints_pipeline.training.batches import Batch
from fints_pipeline.training.config import RegularisationConfig

Augment = Callable[[Batch], Batch]
InstanceNormKind = Literal["standard", "scale", "none"]
_EPSILON = 1e-5


def augmentation(config: RegularisationConfig, norm: InstanceNormKind) -> Augment | None:
    """Return what to do to each training batch of windows, None where nothing is configured.

    Args:
        config: noise and mixup.
        norm: the network's instance normalisation; windows are blended as it leaves them.
    """
    if not config.feature_noise and not config.mixup:
        return None

    def augment(batch: Batch) -> Batch:
        if config.mixup:
            batch = mixed_windows(batch, config.mixup, norm)
        if config.feature_noise:
            noise = torch.randn_like(batch["past"]) * config.feature_noise
            batch = {**batch, "past": batch["past"] + noise}
        return batch

    return augment


def mixed_windows(batch: Batch, alpha: float, norm: InstanceNormKind) -> Batch:
    """Blend each window and its target with those of a partner of the same instrument.

    The partner is first brought to the window's own location and scale, so that the blend is that
    of the two windows after instance normalisation, told in the first one's units.

    Args:
        batch: with past (B, L, C), future (B, H, C) and instrument (B,).
        alpha: a of λ ~ Beta(a, a), one λ a window.
        norm: what is brought over: location and scale, scale alone, or nothing.
    """
    past, future = batch["past"], batch["future"]
    partner = partners(batch["instrument"])
    share = blend_shares(len(past), alpha).to(past)[:, None, None]
    own, other = _statistics(past, norm), _statistics(past[partner], norm)

    def brought(values: Tensor) -> Tensor:
        return (values - other[0]) / other[1] * own[1] + own[0]

    return {
        **batch,
        "past": share * past + (1 - share) * brought(past[partner]),
        "future": share * future + (1 - share) * brought(future[partner]),
    }


def partners(group_B: Tensor) -> Tensor:
    """Return for each sample another one of its group (or itself, where drawn so), int64 (B,)."""
    partner = torch.arange(len(group_B), device=group_B.device)
    for group in torch.unique(group_B):
        members = torch.nonzero(group_B == group).squeeze(1)
        order = torch.randperm(len(members)).to(members.device)
        partner[members] = members[order]
    return partner


def blend_shares(count: int, alpha: float) -> Tensor:
    """Return λ ~ Beta(a, a) for each of ``count`` samples."""
    return torch.distributions.Beta(alpha, alpha).sample((count,))


def _statistics(past: Tensor, norm: InstanceNormKind) -> tuple[Tensor, Tensor]:
    one = past.new_ones(())
    if norm == "none":
        return one * 0, one
    scale = (past.var(dim=1, keepdim=True, correction=0) + _EPSILON).sqrt()
    return (past.mean(dim=1, keepdim=True) if norm == "standard" else one * 0), scale
