"""Cross-entropy of classes, with label smoothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from fints_pipeline.training.losses._base import ClassLoss

if TYPE_CHECKING:
    from torch import Tensor


class CrossEntropy(ClassLoss):
    """−ln p of the true class, in nats, each class with a weight.

    Attributes:
        smoothing: share of the target's mass that is spread evenly over all classes.
            Source: Szegedy et al., Rethinking the Inception Architecture (2016).
    """

    smoothing: float = Field(0.0, ge=0, lt=1)

    def __call__(
        self, logits_NK: Tensor, classes_N: Tensor, weights_K: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted mean and the sum of the samples' weights."""
        from torch.nn.functional import cross_entropy

        weights = weights_K.to(logits_NK)
        loss = cross_entropy(logits_NK, classes_N, weight=weights, label_smoothing=self.smoothing)
        return loss, weights[classes_N].sum()
