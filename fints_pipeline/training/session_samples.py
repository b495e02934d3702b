"""Sequences of whole sessions for the language model: of many lengths, batched by length.

No sequence crosses a session's end. A session that is longer than the network reads is cut into
pieces. Batches are made of sequences of about one length and padded to their longest, so that a
half-day costs what it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from fints_pipeline.training.batches import Batch
from fints_pipeline.training.dataset import BoolArray, Stamps
from fints_pipeline.training.masking import CLS, PAD, SEP
from fints_pipeline.training.token_form import TokenForm
from fints_pipeline.training.windows import WindowTable

SHORTEST = 2  # one token alone has nothing to be guessed from


@dataclass(frozen=True)
class SessionTokens:
    """Sequences of `lengths` tokens that end at ``rows``, masked anew for every draw.

    Attributes:
        table: ids of all series.
        rows: global rows of the last tokens (N,).
        lengths: tokens of each (N,).
        share: of the positions to guess.
        form: of the tokens.
        buckets: lengths are sorted into so many classes of equal width before they are batched.
    """

    table: WindowTable
    rows: Tensor
    lengths: Tensor
    share: float
    form: TokenForm
    buckets: int

    def __len__(self) -> int:
        """Return the number of sequences."""
        return len(self.rows)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        """Return input_ids and labels (B, L + 2[, F]) and attention_mask (B, L + 2).

        L is the longest sequence of the batch; shorter ones end in padding.
        """
        lengths_B = self.lengths[positions]
        starts_B = self.rows[positions] - lengths_B + 1
        ids = padded(self.table, starts_B, lengths_B)
        disguised, targets = self.form.masked(ids, self.share, draws)
        there_BL = torch.arange(ids.shape[1]) < (lengths_B + 2).unsqueeze(1)
        return {"input_ids": disguised, "labels": targets, "attention_mask": there_BL.long()}

    def shuffled(self, size: int, draws: torch.Generator) -> Tensor:
        """Return an epoch's positions: batches of ``size`` of about one length, in random order.

        The last batch may be smaller and stays the last.
        """
        drawn = torch.randperm(len(self), generator=draws)
        sorted_by_bucket = drawn[torch.argsort(self.bucket[drawn], stable=True)]
        whole = len(self) // size * size
        batches = sorted_by_bucket[:whole].view(-1, size)
        order = torch.randperm(len(batches), generator=draws)
        return torch.cat([batches[order].flatten(), sorted_by_bucket[whole:]])

    @property
    def bucket(self) -> Tensor:
        """The class of each sequence's length, 0 the shortest (N,)."""
        longest = int(self.lengths.max())
        return (self.lengths - 1) * self.buckets // longest

    @property
    def every_row(self) -> Tensor:
        """Global rows of all tokens."""
        ends, lengths = self.rows.numpy(), self.lengths.numpy()
        spans = [np.arange(e - n + 1, e + 1) for e, n in zip(ends, lengths, strict=True)]
        return torch.from_numpy(np.concatenate(spans))


def padded(table: WindowTable, starts_B: Tensor, lengths_B: Tensor) -> Tensor:
    """Return framed sequences (B, L + 2[, F]) of different lengths, padded at their end."""
    longest = int(lengths_B.max())
    step_L = torch.arange(longest)
    real_BL = step_L < lengths_B.unsqueeze(1)
    ids = table.values[starts_B.unsqueeze(1) + torch.where(real_BL, step_L, 0)]
    framed = ids.new_full((len(ids), longest + 2, *ids.shape[2:]), PAD)
    framed[:, 0] = CLS
    framed[:, 1:-1][real_BL] = ids[real_BL]
    framed[torch.arange(len(ids)), lengths_B + 1] = SEP
    return framed


def session_sequences(
    table: WindowTable, sessions: Sequence[Stamps], masks: Sequence[BoolArray], longest: int
) -> tuple[Tensor, Tensor]:
    """Return the last rows and the lengths of every session's sequences.

    Args:
        table: of all lines.
        sessions: per line each row's session (T,).
        masks: per line the rows (T,) that sequences may take.
        longest: tokens a sequence, at most; longer sessions are cut into pieces of about one
            length.
    """
    rows, lengths = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for number, (session, mask) in enumerate(zip(sessions, masks, strict=True)):
        taken = np.flatnonzero(mask)
        breaks = (np.diff(taken) != 1) | (session[taken][1:] != session[taken][:-1])
        for run in np.split(taken, np.flatnonzero(breaks) + 1):
            if len(run) < SHORTEST:
                continue
            for piece in np.array_split(run, -(-len(run) // longest)):
                rows.append(table.offsets[number] + piece[-1:])
                lengths.append(np.array([len(piece)]))
    joined = np.concatenate(rows), np.concatenate(lengths)
    return torch.from_numpy(joined[0].astype(np.int64)), torch.from_numpy(joined[1])
