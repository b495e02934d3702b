"""What every loss offers."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

from fints_pipeline.base.components import Component

if TYPE_CHECKING:
    from torch import Tensor


class Loss(Component):
    """A loss's settings; its name is the name of the module that defines it."""


class ForecastLoss(Loss):
    """Compares forecasts with what came, number by number."""

    contiguous: ClassVar[bool] = False
    """Whether a batch must hold consecutive bars of all instruments, as `portfolio` needs."""

    @property
    def naive_lag(self) -> int:
        """Steps back of the naive forecast whose training error `scale_BC` is."""
        return 1

    @abstractmethod
    def __call__(self, forecast: Tensor, actual_BHC: Tensor, scale_BC: Tensor) -> Tensor:
        """Return the loss (B, H, C) of each number.

        Args:
            forecast: (B, H, C), or (B, H, C, K) where the head has K parameters a number.
            actual_BHC: what came, scaled.
            scale_BC: mean absolute error of the naive forecast over the training span, of each
                sample's instrument and channel, in scaled units.
        """


class ClassLoss(Loss):
    """Compares class scores with classes."""

    @abstractmethod
    def __call__(
        self, logits_NK: Tensor, classes_N: Tensor, weights_K: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the weighted mean over the samples, and the sum of their weights.

        Args:
            logits_NK: scores before the softmax.
            classes_N: int64.
            weights_K: of the classes.
        """
