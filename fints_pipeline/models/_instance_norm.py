"""Reversible instance normalisation: each window's own mean and scale out, and back in later.

Source: Kim et al., Reversible Instance Normalization (ICLR 2022).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

EPSILON = 1e-5  # added to the variance and, when undoing an affine map, (squared) to its scale


class InstanceNorm(nn.Module):
    """Normalises windows (B, L, C) over time and returns how to undo it for forecasts (B, H, C).

    ``kind`` is "standard" (mean and scale), "scale" (scale alone) or "none".
    """

    def __init__(
        self, kind: Literal["standard", "scale", "none"], channels: int | None, affine: bool
    ) -> None:
        super().__init__()
        self.kind = kind
        self.affine = affine
        if affine:
            self.weight_C = nn.Parameter(torch.ones(channels or 1))
            self.bias_C = nn.Parameter(torch.zeros(channels or 1))

    def forward(self, x_BLC: Tensor) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
        """Return the normalised windows and the function that undoes it."""
        if self.kind == "none":
            return x_BLC, _identity
        mean_B1C = x_BLC.mean(dim=1, keepdim=True).detach()
        variance_B1C = x_BLC.var(dim=1, keepdim=True, unbiased=False)
        scale_B1C = torch.sqrt(variance_B1C + EPSILON).detach()
        if self.kind == "scale":
            mean_B1C = torch.zeros_like(mean_B1C)
        normal_BLC = (x_BLC - mean_B1C) / scale_B1C
        if self.affine:
            normal_BLC = normal_BLC * self.weight_C + self.bias_C

        def restore(y_BHC: Tensor) -> Tensor:
            if self.affine:
                y_BHC = (y_BHC - self.bias_C) / (self.weight_C + EPSILON**2)
            return y_BHC * scale_B1C + mean_B1C

        return normal_BLC, restore


def _identity(y_BHC: Tensor) -> Tensor:
    return y_BHC
