"""What each model learns from: batches of masked tokens, labelled tokens, or past and future."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from fints_pipeline.training.batches import Batch
from fints_pipeline.training.masking import framed, mask_tokens
from fints_pipeline.training.windows import WindowTable


@dataclass(frozen=True)
class MaskedTokens:
    """Sequences of ``length`` tokens that end at ``rows``, masked anew for every draw."""

    table: WindowTable
    rows: Tensor
    length: int
    share: float
    vocabulary_size: int

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.rows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return input_ids and labels, each (B, length + 2); nothing is padded."""
        ids = framed(self.table.past(self.rows[positions], self.length))
        disguised, targets = mask_tokens(ids, self.share, self.vocabulary_size, draws)
        return {"input_ids": disguised, "labels": targets}


@dataclass(frozen=True)
class LabelledTokens:
    """Sequences of ``length`` tokens that end at ``rows``, with the class of their last bar."""

    table: WindowTable
    rows: Tensor
    length: int
    classes: Tensor

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.rows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return input_ids (B, length + 2) and labels (B,); nothing is padded."""
        ids = framed(self.table.past(self.rows[positions], self.length))
        return {"input_ids": ids, "labels": self.classes[positions]}


@dataclass(frozen=True)
class PastAndFuture:
    """Windows of ``lookback`` scaled rows up to ``rows``, and the ``horizon`` rows after them."""

    table: WindowTable
    rows: Tensor
    lookback: int
    horizon: int

    def __len__(self) -> int:
        """Return the number of windows."""
        return len(self.rows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return past (B, L, C) and future (B, H, C)."""
        rows = self.rows[positions]
        return {
            "past": self.table.past(rows, self.lookback),
            "future": self.table.future(rows, self.horizon),
        }
