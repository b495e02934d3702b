"""Masking: shares of BERT, special ids untouched, at least one guess a row."""

import pytest
import torch

from fints_pipeline.tokenizers.vocabulary import SPECIALS
from fints_pipeline.training.masking import (
    CLS,
    IGNORED,
    MASK,
    PAD,
    SEP,
    SPECIAL_IDS,
    framed,
    mask_tokens,
)
from fints_pipeline.training.seeds import generator

V = 50


def test_special_ids_are_the_vocabularies() -> None:
    assert tuple(SPECIAL_IDS) == SPECIALS
    assert list(SPECIAL_IDS.values()) == list(range(len(SPECIALS)))


def test_sequences_are_framed() -> None:
    assert framed(torch.tensor([[7, 8], [9, 9]])).tolist() == [[CLS, 7, 8, SEP], [CLS, 9, 9, SEP]]


def test_shares_are_those_of_bert() -> None:
    ids = torch.randint(5, V, (400, 100), generator=generator(0))
    disguised, targets = mask_tokens(ids, 0.15, V, generator(1))
    chosen = targets != IGNORED
    assert chosen.float().mean() == pytest.approx(0.15, abs=0.01)
    assert (disguised[chosen] == MASK).float().mean() == pytest.approx(0.8, abs=0.02)
    unchanged = (disguised[chosen] == ids[chosen]).float().mean()
    assert unchanged == pytest.approx(0.1 + 0.1 / 45, abs=0.02)
    assert torch.equal(targets[chosen], ids[chosen])
    assert torch.equal(disguised[~chosen], ids[~chosen])
    assert int(disguised[chosen & (disguised != MASK)].min()) >= 5


def test_every_row_has_a_guess_and_specials_have_none() -> None:
    ids = framed(torch.randint(5, V, (300, 2), generator=generator(0)))
    ids = torch.nn.functional.pad(ids, (0, 3), value=PAD)
    _, targets = mask_tokens(ids, 0.01, V, generator(1))
    assert ((targets != IGNORED).sum(dim=1) >= 1).all()
    assert (targets[:, 0] == IGNORED).all()
    assert (targets[:, 3:] == IGNORED).all()


def test_the_same_draws_give_the_same_masks() -> None:
    ids = torch.randint(5, V, (8, 20), generator=generator(0))
    first, second, other = (mask_tokens(ids, 0.3, V, generator(s))[0] for s in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
