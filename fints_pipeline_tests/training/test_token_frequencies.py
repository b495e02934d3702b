"""Where masked language models start from, and their loss, for both forms of tokens."""

import math

import numpy as np
import pytest
import torch

from fints_pipeline.models import brooks_factorised_mlm, brooks_mlm
from fints_pipeline.training.masking import IGNORED
from fints_pipeline.training.objectives import masked_cross_entropy
from fints_pipeline.training.token_frequencies import TokenFrequencies


def test_shares_of_flat_ids() -> None:
    known = TokenFrequencies(np.array([5, 5, 6]), (8,))
    assert np.exp(known.log_share).tolist() == pytest.approx(
        [1 / 11] * 5 + [3 / 11, 2 / 11, 1 / 11]
    )
    assert known.perplexity(np.array([5, 7])) == pytest.approx(math.sqrt(11 / 3 * 11))


def test_shares_of_fields_are_each_their_own() -> None:
    ids = np.array([[5, 6], [5, 5], [6, 5]])
    known = TokenFrequencies(ids, (7, 8))
    assert np.exp(known.log_share[:7]).sum() == pytest.approx(1)
    assert np.exp(known.log_share[7:]).sum() == pytest.approx(1)
    assert np.exp(known.log_share[[5, 7 + 5]]) == pytest.approx([3 / 10, 3 / 11])
    assert known.perplexity(ids[:1]) == pytest.approx(10 / 3 * 11 / 2)


@pytest.mark.parametrize("module", [brooks_mlm, brooks_factorised_mlm])
def test_a_network_starts_at_the_frequencies(module: object) -> None:
    mlm: object = module
    config = mlm.example_batch().config  # type: ignore[attr-defined]
    sizes = config.field_sizes or (config.vocabulary_size,)
    rng = np.random.default_rng(0)
    ids = np.stack([rng.integers(5, size, 500) for size in sizes], axis=1)
    known = TokenFrequencies(ids if len(sizes) > 1 else ids[:, 0], sizes)
    network = known.start(mlm.build(config)).eval()  # type: ignore[attr-defined]
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                parameter.zero_()
    shown = torch.from_numpy(ids[:60].reshape(5, 12, -1))
    if len(sizes) == 1:
        shown = shown[..., 0]
    loss, weight = masked_cross_entropy(network, {"input_ids": shown, "labels": shown})
    flat = shown.flatten(0, 1).numpy()
    assert weight == 60
    assert math.exp(loss.item()) == pytest.approx(known.perplexity(flat), rel=1e-4)


def test_the_loss_of_a_bar_is_the_sum_over_its_fields() -> None:
    torch.manual_seed(0)
    example = brooks_factorised_mlm.example_batch()
    network = brooks_factorised_mlm.build(example.config).eval()
    ids = example.inputs["input_ids"]
    labels = torch.full_like(ids, IGNORED)
    labels[0, 3], labels[1, 7] = ids[0, 3], ids[1, 7]
    loss, weight = masked_cross_entropy(network, {**example.inputs, "labels": labels})
    logits = network(**example.inputs).logits
    expected = 0.0
    for row, place in ((0, 3), (1, 7)):
        for field, scores in enumerate(logits):
            p = scores[row, place].softmax(-1)[ids[row, place, field]]
            expected -= p.log().item() / 2
    assert weight == 2
    assert loss.item() == pytest.approx(expected, rel=1e-5)
