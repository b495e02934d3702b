"""Batches: each sample once an epoch, and the same batches after a new start."""

import torch

from fints_pipeline.training.batches import Batch, Batches


class Numbers:
    """Ten samples that show their positions and a draw."""

    def __len__(self) -> int:
        return 10

    def batch(self, positions: torch.Tensor, draws: torch.Generator) -> Batch:
        return {"positions": positions, "draw": torch.rand(1, generator=draws)}


def positions(batches: Batches) -> list[list[int]]:
    return [batch["positions"].tolist() for batch in batches]


def test_an_epoch_holds_every_sample_once() -> None:
    batches = Batches(Numbers(), 4, seed=0)
    assert len(batches) == 3
    taken = positions(batches)
    assert [len(b) for b in taken] == [4, 4, 2]
    assert sorted(n for batch in taken for n in batch) == list(range(10))


def test_epochs_and_seeds_differ_and_repeat() -> None:
    first, second = (positions(Batches(Numbers(), 4, 0, step=step)) for step in (0, 3))
    assert first != second
    assert first == positions(Batches(Numbers(), 4, 0))
    assert first != positions(Batches(Numbers(), 4, 1))


def test_a_new_start_in_mid_epoch_gives_the_batches_that_were_left() -> None:
    whole = list(Batches(Numbers(), 4, 0, step=3))
    rest = list(Batches(Numbers(), 4, 0, step=5))
    assert len(rest) == 1
    assert torch.equal(rest[0]["positions"], whole[2]["positions"])
    assert torch.equal(rest[0]["draw"], whole[2]["draw"])


def test_evaluation_keeps_the_order() -> None:
    assert positions(Batches(Numbers(), 4, 0, shuffle=False))[0] == [0, 1, 2, 3]
