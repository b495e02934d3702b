"""The focal loss."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from fints_pipeline.training.losses._base import ClassLoss

if TYPE_CHECKING:
    from torch import Tensor


class Focal(ClassLoss):
    """−(1 − p)^γ ln p of the true class: what is easy already weighs little.

    With `gamma` 0 it is cross-entropy. Class weights play the part of the paper's α.
    Source: Lin et al., Focal Loss for Dense Object Detection (2017).

    Attributes:
        gamma: γ, how fast easy samples lose their weight.
    """

    gamma: float = Field(2.0, ge=0)

    def __call__(
        self, logits_NK: Tensor, classes_N: Tensor, weights_K: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted mean and the sum of the samples' weights."""
        log_p_N = logits_NK.log_softmax(-1).gather(1, classes_N.unsqueeze(1)).squeeze(1)
        weight_N = weights_K.to(logits_NK)[classes_N]
        loss_N = -((1 - log_p_N.exp()).clamp(min=0) ** self.gamma) * log_p_N
        return (weight_N * loss_N).sum() / weight_N.sum(), weight_N.sum()
