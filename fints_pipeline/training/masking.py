"""Masking for the language model: which positions to guess, and what stands there instead.

Source: Devlin et al., BERT (2019), 3.1: of the chosen positions 80 % become `<mask>`, 10 % a random
token, 10 % stay.
"""

from __future__ import annotations

import torch
from torch import Tensor

PAD, UNK, MASK, CLS, SEP = range(5)
SPECIAL_IDS = {"<pad>": PAD, "<unk>": UNK, "<mask>": MASK, "<cls>": CLS, "<sep>": SEP}
FIRST_ORDINARY = len(SPECIAL_IDS)
IGNORED = -100  # a target that cross-entropy leaves out
MASKED_BELOW, RANDOM_BELOW = (
    0.8,
    0.9,
)  # below the first: mask; below the second: random; else unchanged


def framed(ids_BL: Tensor) -> Tensor:
    """Put `<cls>` before and `<sep>` after each sequence: (B, L) to (B, L + 2)."""
    ends = ids_BL.new_tensor([CLS, SEP]).expand(len(ids_BL), 2)
    return torch.cat([ends[:, :1], ids_BL, ends[:, 1:]], dim=1)


def mask_tokens(
    ids_BL: Tensor, share: float, vocabulary_size: int, draws: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Choose positions to guess, at least one a row, and disguise them.

    Args:
        ids_BL: (B, L) token ids; `<pad>`, `<cls>` and `<sep>` are never chosen.
        share: probability of each other position to be chosen.
        vocabulary_size: V, for the random tokens.
        draws: source of randomness.

    Returns:
        Disguised ids (B, L) and targets (B, L): the true id where chosen, elsewhere `IGNORED`.
    """
    chosen = chosen_positions(is_ordinary(ids_BL), share, draws)
    kind = torch.rand(ids_BL.shape, generator=draws)
    # A vocabulary may hold special ids only (a span of all-rare tokens): then nothing is random.
    first = min(FIRST_ORDINARY, vocabulary_size - 1)
    noise = torch.randint(first, vocabulary_size, ids_BL.shape, generator=draws)
    disguised = torch.where(chosen & (kind < RANDOM_BELOW), noise, ids_BL)
    disguised = disguised.masked_fill(chosen & (kind < MASKED_BELOW), MASK)
    return disguised, ids_BL.masked_fill(~chosen, IGNORED)


def is_ordinary(ids_BL: Tensor) -> Tensor:
    """Return (B, L) True where an id is neither padding nor part of the frame."""
    return (ids_BL != PAD) & (ids_BL != CLS) & (ids_BL != SEP)


def chosen_positions(ordinary_BL: Tensor, share: float, draws: torch.Generator) -> Tensor:
    """Choose each ordinary position with probability ``share``, and at least one a row."""
    chance = torch.rand(ordinary_BL.shape, generator=draws).masked_fill(~ordinary_BL, 2.0)
    # A row without a target would have no loss (NaN): its likeliest position is always taken.
    likeliest = chance == chance.amin(dim=1, keepdim=True)
    return ((chance < share) | likeliest) & ordinary_BL
