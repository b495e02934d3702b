"""Dropout that costs little on a CPU, where drawing one random number a value dominates a step."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import dropout

_LEVELS = 1 << 16  # a 64-bit draw of the generator decides four values, 16 bits each
_LOWEST = -(1 << 63)


class Dropout(nn.Module):
    """Zero each value with probability p while training, and divide the others by 1 − p.

    On a CPU p is rounded to a multiple of 2⁻¹⁶, and the division follows it, so that the expected
    value stays exact; elsewhere this is torch's own. Draws come from torch's global generator.
    """

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        """Drop values of a tensor of any shape."""
        if not self.training or self.p == 0:
            return x
        if x.device.type != "cpu" or x.dtype != torch.float32:
            return dropout(x, self.p)
        return x * kept(x.numel(), self.p).view(x.shape)

    def extra_repr(self) -> str:
        """Return the probability."""
        return f"p={self.p}"


def kept(count: int, p: float) -> Tensor:
    """Return (count,) of 0 with probability p and 1 / (1 − p) otherwise."""
    dropped = round(p * _LEVELS)
    draws = torch.empty(-(-count // 4), dtype=torch.int64).random_(_LOWEST, None)
    alive = draws.view(torch.int16)[:count] >= dropped - _LEVELS // 2
    return alive * (_LEVELS / (_LEVELS - dropped))


def twice(p: float) -> float:
    """Return the probability of one dropout that does what two in a row with ``p`` do."""
    return 1 - (1 - p) ** 2
