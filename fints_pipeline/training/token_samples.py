"""What token networks learn from: sequences of ids, masked, labelled, or tagged."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from fints_pipeline.training.batches import Batch
from fints_pipeline.training.masking import IGNORED
from fints_pipeline.training.token_form import TokenForm
from fints_pipeline.training.windows import WindowTable


@dataclass(frozen=True)
class MaskedTokens:
    """Sequences of ``length`` tokens that end at ``rows``, masked anew for every draw."""

    table: WindowTable
    rows: Tensor
    length: int
    share: float
    form: TokenForm

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.rows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return input_ids and labels, each (B, length + 2); nothing is padded."""
        ids = self.form.framed(self.table.past(self.rows[positions], self.length))
        disguised, targets = self.form.masked(ids, self.share, draws)
        return {"input_ids": disguised, "labels": targets}


@dataclass(frozen=True)
class LabelledTokens:
    """Sequences of ``length`` tokens that end at ``rows``, with the class of their last bar."""

    table: WindowTable
    rows: Tensor
    length: int
    classes: Tensor
    form: TokenForm

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.rows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return input_ids (B, length + 2) and labels (B,); nothing is padded."""
        ids = self.form.framed(self.table.past(self.rows[positions], self.length))
        return {"input_ids": ids, "labels": self.classes[positions]}


@dataclass(frozen=True)
class TaggedTokens:
    """Sequences of ``length`` tokens that end at ``rows``, with the class of every bar.

    Attributes:
        table: ids of all series.
        rows: global rows of the last bars.
        length: L.
        classes: of all series, `IGNORED` at bars whose class is not to be learned: unknown,
            purged, or of another span.
        form: of the tokens.
    """

    table: WindowTable
    rows: Tensor
    length: int
    classes: WindowTable
    form: TokenForm

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.rows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return input_ids (B, length + 2[, F]) and labels (B, length + 2); nothing is padded."""
        rows = self.rows[positions]
        ids = self.form.framed(self.table.past(rows, self.length))
        labels_BL = self.classes.past(rows, self.length)
        return {"input_ids": ids, "labels": pad(labels_BL, (1, 1), value=IGNORED)}
