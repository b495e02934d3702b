"""What patch networks are pretrained on: windows, and which of their patches are hidden."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fints_pipeline.training.batches import Batch
from fints_pipeline.training.windows import WindowTable


@dataclass(frozen=True)
class MaskedPatches:
    """Windows of ``lookback`` rows that end at ``rows``; patches are hidden anew at every draw.

    Attributes:
        table: of all series.
        rows: global rows of the current bars.
        lookback: L.
        patches: N, patches that the network cuts a window into.
        share: probability of each patch to be hidden.
    """

    table: WindowTable
    rows: Tensor
    lookback: int
    patches: int
    share: float

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.rows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return past (B, L, C) and masked (B, C, N); a patch a channel is always hidden."""
        past = self.table.past(self.rows[positions], self.lookback)
        chance = torch.rand((len(past), past.shape[2], self.patches), generator=draws)
        masked = (chance < self.share) | (chance == chance.amin(dim=2, keepdim=True))
        return {"past": past, "masked": masked}
