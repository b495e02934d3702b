"""Masking of factorised tokens: whole positions, shares of BERT, bars that exist."""

import pytest
import torch

from fints_pipeline.training.factorised_masking import field_ids, framed_fields, mask_fields
from fints_pipeline.training.masking import CLS, IGNORED, MASK, PAD, SEP
from fints_pipeline.training.seeds import generator

FIELDS = 3


def bars(rows: int, length: int) -> torch.Tensor:
    """Return ids of which the fields of a bar are tied together: n, n + 10, n + 20."""
    first = torch.randint(5, 15, (rows, length), generator=generator(0))
    return torch.stack([first, first + 10, first + 20], dim=-1)


def test_values_come_after_the_special_ids_and_frames_are_put_into_every_field() -> None:
    ids = field_ids(torch.tensor([[[0, 3]]], dtype=torch.int8))
    assert ids.tolist() == [[[5, 8]]]
    assert framed_fields(ids).tolist() == [[[CLS, CLS], [5, 8], [SEP, SEP]]]


def test_all_fields_of_a_position_are_hidden_together_in_berts_shares() -> None:
    ids = bars(400, 100)
    disguised, targets = mask_fields(ids, 0.15, generator(1))
    asked = targets != IGNORED
    assert torch.equal(asked.all(-1), asked.any(-1))
    chosen = asked[..., 0]
    assert chosen.float().mean() == pytest.approx(0.15, abs=0.01)
    hidden = disguised == MASK
    assert torch.equal(hidden.all(-1), hidden.any(-1))
    assert hidden[chosen].float().mean() == pytest.approx(0.8, abs=0.02)
    assert torch.equal(targets[chosen], ids[chosen])
    assert torch.equal(disguised[~chosen], ids[~chosen])
    unchanged = (disguised == ids).all(-1)[chosen].float().mean()
    assert unchanged == pytest.approx(0.1 + 0.1 / 10, abs=0.02)


def test_what_stands_in_is_a_bar_of_the_batch() -> None:
    disguised, targets = mask_fields(bars(50, 20), 0.5, generator(2))
    seen = disguised[(targets[..., 0] != IGNORED) & (disguised[..., 0] != MASK)]
    assert len(seen) > 50
    assert torch.equal(seen[:, 1] - seen[:, 0], torch.full((len(seen),), 10))
    assert torch.equal(seen[:, 2] - seen[:, 0], torch.full((len(seen),), 20))


def test_every_row_has_a_guess_and_specials_have_none() -> None:
    ids = framed_fields(bars(300, 2))
    ids = torch.cat([ids, torch.full((300, 3, FIELDS), PAD)], dim=1)
    _, targets = mask_fields(ids, 0.01, generator(1))
    asked = (targets != IGNORED).any(-1)
    assert (asked.sum(dim=1) >= 1).all()
    assert not asked[:, 0].any()
    assert not asked[:, 3:].any()


def test_the_same_draws_give_the_same_masks() -> None:
    ids = bars(8, 20)
    first, second, other = (mask_fields(ids, 0.3, generator(s))[0] for s in (3, 3, 4))
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
