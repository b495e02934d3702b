"""Sequences of whole sessions: none crosses an end, batches are of one length, padding is inert."""

from typing import Any

import numpy as np
import pytest
import torch

from fints_pipeline import train
from fints_pipeline.base.lake import Lake
from fints_pipeline.training.batches import Batches
from fints_pipeline.training.bundles import load_model
from fints_pipeline.training.masking import CLS, IGNORED, MASK, PAD, SEP
from fints_pipeline.training.session_samples import SessionTokens, session_sequences
from fints_pipeline.training.token_form import FactorisedForm
from fints_pipeline.training.windows import WindowTable
from fints_pipeline_tests.training import toy

LONGEST = 8
LENGTHS = (20, 3, 8, 1, 11, 6, 9, 5, 16, 2, 7, 4)  # bars a session


@pytest.fixture
def table() -> WindowTable:
    """Two lines; every bar's id is its own number, in two fields."""
    count = sum(LENGTHS)
    ids = np.arange(count)[:, None] % 40 + [5, 6]
    return WindowTable([ids, ids])


@pytest.fixture
def samples(table: WindowTable) -> SessionTokens:
    session = np.repeat(np.arange(len(LENGTHS)), LENGTHS).astype("datetime64[D]")
    mask = np.ones(len(session), bool)
    mask[2] = False  # a bar that no sequence may take
    rows, lengths = session_sequences(table, [session] * 2, [mask] * 2, LONGEST)
    return SessionTokens(table, rows, lengths, 0.15, FactorisedForm((40, 41)), buckets=3)


def test_sequences_take_every_bar_once_and_cross_no_end(samples: SessionTokens) -> None:
    starts = [0, *np.cumsum(LENGTHS)]
    session = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    count = len(session)
    taken = samples.every_row.numpy()
    assert len(np.unique(taken)) == len(taken)
    alone = starts[3]  # the session of one bar
    expected = set(range(count)) - {2, alone}
    assert set(taken[taken < count].tolist()) == expected
    assert set((taken[taken >= count] - count).tolist()) == expected
    assert int(samples.lengths.max()) <= LONGEST
    for end, length in zip(samples.rows.tolist(), samples.lengths.tolist(), strict=True):
        own = np.arange(end - length + 1, end + 1)
        assert own[0] // count == own[-1] // count, "within one line"
        assert len(set(session[own % count])) == 1, "within one session"


def test_batches_are_padded_to_their_longest(samples: SessionTokens) -> None:
    draws = torch.Generator().manual_seed(0)
    positions = torch.arange(len(samples))
    batch = samples.batch(positions, draws)
    ids, labels, there = batch["input_ids"], batch["labels"], batch["attention_mask"].bool()
    assert ids.shape[:2] == there.shape == (len(samples), int(samples.lengths.max()) + 2)
    assert (there.sum(dim=1) == samples.lengths + 2).all()
    assert (ids[~there] == PAD).all()
    assert (labels[~there] == IGNORED).all()
    assert (ids[:, 0] == CLS).all()
    assert (ids[torch.arange(len(ids)), samples.lengths + 1] == SEP).all()
    asked = labels[..., 0] != IGNORED
    assert (asked.sum(dim=1) >= 1).all(), "at least one guess a row"
    assert ((labels != IGNORED).all(dim=-1) == asked).all(), "all fields of a position together"
    assert (ids == MASK).any()
    for row, (end, length) in enumerate(zip(samples.rows, samples.lengths, strict=True)):
        true = samples.table.values[end - length + 1 : end + 1]
        told = torch.where(asked[row, 1 : length + 1, None], labels[row, 1 : length + 1],
                           ids[row, 1 : length + 1])  # fmt: skip
        assert torch.equal(told, true)


def test_an_epochs_batches_hold_sequences_of_about_one_length(samples: SessionTokens) -> None:
    size = 4
    epochs = [samples.shuffled(size, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert torch.equal(epochs[0], epochs[1])
    assert not torch.equal(epochs[0], epochs[2])
    for order in epochs:
        assert sorted(order.tolist()) == list(range(len(samples)))
        buckets = samples.bucket[order]
        crossing = sum(len(part.unique()) > 1 for part in buckets.split(size))
        assert crossing <= samples.buckets - 1, "but where one length's sequences run out"
    padding = [
        sum(
            int((batch["attention_mask"] == 0).sum())
            for batch in Batches(samples, size, 0, shuffle=shuffle)
        )
        for shuffle in (True, False)
    ]
    assert padding[0] < padding[1]


@pytest.mark.parametrize("name", ["brooks_mlm", "brooks_factorised_mlm"])
def test_both_forms_are_pretrained_on_sessions(toy_lake: Lake, name: str) -> None:
    network: dict[str, Any] = {"name": name, "max_length": 18, "width": 16, "layers": 1, "heads": 2,
                               "dropout": 0.0}  # fmt: skip
    fit = {"epochs": 6, "batch_size": 32, "learning_rate": 0.01}
    models = {"mlm": {"network": network, "fit": fit, "sequences": "sessions", "buckets": 2}}
    experiment = toy.experiment(models=models)
    fold = train.experiment_folds(toy_lake, experiment)[0]
    train.fit_vocabulary(toy_lake, experiment, fold)
    result = train.train_model(toy_lake, experiment, fold, "mlm")
    assert np.isfinite(list(result.metrics.values())).all()
    record = load_model(toy_lake, "toy", fold.key, "mlm").record
    for first, last in record.learned["train"]["toy.A"]:
        assert np.datetime64(first, "D") >= np.datetime64(fold.train.first)
        assert np.datetime64(last, "D") <= np.datetime64(fold.train.last)
    losses = [epoch["train_loss"] for epoch in record.fit.history]
    assert losses[-1] < losses[0]
