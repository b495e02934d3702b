"""Reversible instance normalisation: each window's own mean and scale out, and back in later.

Source: Kim et al., Reversible Instance Normalization (ICLR 2022).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import torch
from torch import Tensor, nn

EPSILON = 1e-5  # added to the variance and, when undoing an affine map, (squared) to its scale


class Affine(NamedTuple):
    """The way back to a window's units: ``location + scale · y``, each (B, 1, C)."""

    location: Tensor
    scale: Tensor

    def __call__(self, y_BHC: Tensor) -> Tensor:
        """Apply the map to values (B, H, C)."""
        return torch.addcmul(self.location, y_BHC, self.scale)


class InstanceNorm(nn.Module):
    """Normalises windows (B, L, C) over time and returns how to undo it for forecasts (B, H, C).

    ``kind`` is "standard" (mean and scale), "scale" (scale alone) or "none".
    """

    def __init__(
        self,
        kind: Literal["standard", "scale", "none"],
        channels: int | None = None,
        affine: bool = False,
    ) -> None:
        super().__init__()
        self.kind = kind
        self.affine = affine
        if affine:
            self.weight_C = nn.Parameter(torch.ones(channels or 1))
            self.bias_C = nn.Parameter(torch.zeros(channels or 1))

    def forward(self, x_BLC: Tensor) -> tuple[Tensor, Affine]:
        """Return the normalised windows and the map that undoes it."""
        if self.kind == "none":
            one = x_BLC.new_ones(1, 1, 1)
            return x_BLC, Affine(0 * one, one)
        mean_B1C = x_BLC.mean(dim=1, keepdim=True)
        variance_B1C = x_BLC.var(dim=1, keepdim=True, unbiased=False)
        scale_B1C = torch.sqrt(variance_B1C + EPSILON)
        if self.kind == "scale":
            mean_B1C = torch.zeros_like(mean_B1C)
        normal_BLC = (x_BLC - mean_B1C) / scale_B1C
        if not self.affine:
            return normal_BLC, Affine(mean_B1C, scale_B1C)
        inverse_B1C = scale_B1C / (self.weight_C + EPSILON**2)
        undo = Affine(mean_B1C - inverse_B1C * self.bias_C, inverse_B1C)
        return normal_BLC * self.weight_C + self.bias_C, undo
