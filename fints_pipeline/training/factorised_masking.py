"""Masking of factorised tokens: all fields of a position are hidden together.

Fields of one bar tell each other: with one of them left in sight, a model would learn how the
grammar ties fields together instead of what follows from the bars around it.

Source: shares after Devlin et al., BERT (2019), 3.1; see `fints_pipeline.training.masking`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from fints_pipeline.training.masking import (
    CLS,
    FIRST_ORDINARY,
    IGNORED,
    MASK,
    MASKED_BELOW,
    RANDOM_BELOW,
    SEP,
    chosen_positions,
    is_ordinary,
)


def field_ids(values: Tensor) -> Tensor:
    """Return the ids (…, F) of the grammar's values (…, F): the special ids come first."""
    return values.long() + FIRST_ORDINARY


def framed_fields(ids_BLF: Tensor) -> Tensor:
    """Put `<cls>` before and `<sep>` after each sequence, in every field: (B, L + 2, F)."""
    end_B1F = ids_BLF.new_full((len(ids_BLF), 1, ids_BLF.shape[2]), CLS)
    return torch.cat([end_B1F, ids_BLF, torch.full_like(end_B1F, SEP)], dim=1)


def mask_fields(ids_BLF: Tensor, share: float, draws: torch.Generator) -> tuple[Tensor, Tensor]:
    """Choose positions to guess, at least one a row, and disguise them in every field.

    Of the chosen positions 80 % become `<mask>`, 10 % another bar of the batch, 10 % stay. Fields
    drawn one by one would make bars that cannot be, and give the disguise away.

    Args:
        ids_BLF: token ids; padding and frame are never chosen.
        share: probability of each other position to be chosen.
        draws: source of randomness.

    Returns:
        Disguised ids (B, L, F) and targets (B, L, F): the true ids where chosen, else `IGNORED`.
    """
    ordinary_BL = is_ordinary(ids_BLF[..., 0])
    chosen_BL = chosen_positions(ordinary_BL, share, draws)
    kind_BL = torch.rand(chosen_BL.shape, generator=draws)
    bars_NF = ids_BLF[ordinary_BL]
    picked_BL = torch.randint(max(1, len(bars_NF)), chosen_BL.shape, generator=draws)
    swapped_BL = chosen_BL & (kind_BL >= MASKED_BELOW) & (kind_BL < RANDOM_BELOW)
    disguised = ids_BLF.masked_fill((chosen_BL & (kind_BL < MASKED_BELOW))[..., None], MASK)
    disguised[swapped_BL] = bars_NF[picked_BL[swapped_BL]]
    return disguised, ids_BLF.masked_fill(~chosen_BL[..., None], IGNORED)
