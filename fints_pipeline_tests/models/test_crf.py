"""The CRF against an enumeration of all tag sequences."""

from itertools import product

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from fints_pipeline.models._crf import IGNORED, LinearChainCRF

TAGS, BATCH = 3, 4


def chain(seed: int, length: int) -> tuple[LinearChainCRF, Tensor, Tensor]:
    """Return a CRF with random scores, emissions, and a mask with holes anywhere."""
    generator = torch.Generator().manual_seed(seed)
    crf = LinearChainCRF(TAGS).double()
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_(generator=generator)
    emissions = 2 * torch.randn(BATCH, length, TAGS, generator=generator, dtype=torch.float64)
    mask = torch.rand(BATCH, length, generator=generator) < 0.7
    mask[0] = True
    mask[1] = torch.arange(length) < max(1, length - 2)  # padding at the end
    mask[2, -1] = True
    return crf, emissions.requires_grad_(), mask


def sequences(length: int) -> list[tuple[int, ...]]:
    return list(product(range(TAGS), repeat=length))


def score(crf: LinearChainCRF, emissions: Tensor, tags: tuple[int, ...]) -> Tensor:
    total = crf.start_K[tags[0]] + emissions[0, tags[0]]
    for t in range(1, len(tags)):
        total = total + crf.step_KK[tags[t - 1], tags[t]] + emissions[t, tags[t]]
    return total


def scores(crf: LinearChainCRF, emissions: Tensor) -> Tensor:
    """Return the score of every sequence over emissions (L, K) without holes."""
    return torch.stack([score(crf, emissions, tags) for tags in sequences(len(emissions))])


def gradients(value: Tensor, crf: LinearChainCRF, emissions: Tensor) -> list[Tensor]:
    inputs = [emissions, crf.start_K, crf.step_KK]
    return list(torch.autograd.grad(value, inputs, materialize_grads=True))


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 6))
def test_log_partition_and_its_gradients_equal_enumeration(seed: int, length: int) -> None:
    crf, emissions, mask = chain(seed, length)
    rows = [scores(crf, emissions[b][mask[b]]).logsumexp(0) for b in range(BATCH) if mask[b].any()]
    fast = crf.log_partition(emissions, mask)[mask.any(1)]
    torch.testing.assert_close(fast, torch.stack(rows))
    slow = gradients(torch.stack(rows).sum(), crf, emissions)
    for own, twin in zip(gradients(fast.sum(), crf, emissions), slow, strict=True):
        torch.testing.assert_close(own, twin)


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000), length=st.integers(1, 6), unknown=st.sampled_from([0.0, 0.4, 1.0])
)
def test_likelihood_sums_over_unknown_tags(seed: int, length: int, unknown: float) -> None:
    crf, emissions, mask = chain(seed, length)
    generator = torch.Generator().manual_seed(seed)
    tags = torch.randint(TAGS, (BATCH, length), generator=generator)
    tags[torch.rand(BATCH, length, generator=generator) < unknown] = IGNORED
    fast = crf.log_likelihood(emissions, tags, mask)
    slow = []
    for b in range(BATCH):
        known = tags[b][mask[b]]
        if not len(known):
            slow.append(emissions.sum() * 0)
            continue
        fits = [
            all(k in (IGNORED, own) for k, own in zip(known.tolist(), sequence, strict=True))
            for sequence in sequences(len(known))
        ]
        all_scores = scores(crf, emissions[b][mask[b]])
        slow.append(all_scores[torch.tensor(fits)].logsumexp(0) - all_scores.logsumexp(0))
    torch.testing.assert_close(fast, torch.stack(slow))
    twins = gradients(torch.stack(slow).sum(), crf, emissions)
    for own, twin in zip(gradients(fast.sum(), crf, emissions), twins, strict=True):
        torch.testing.assert_close(own, twin)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 6))
def test_viterbi_finds_the_best_sequence(seed: int, length: int) -> None:
    crf, emissions, mask = chain(seed, length)
    decoded = crf.decode(emissions, mask)
    for b in range(BATCH):
        assert (decoded[b][~mask[b]] == IGNORED).all()
        if mask[b].any():
            best = int(scores(crf, emissions[b][mask[b]]).argmax())
            assert tuple(decoded[b][mask[b]].tolist()) == sequences(int(mask[b].sum()))[best]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), length=st.integers(1, 6))
def test_filtered_marginals_equal_enumeration_up_to_each_position(seed: int, length: int) -> None:
    crf, emissions, mask = chain(seed, length)
    filtered = crf.filtered(emissions, mask)
    for b in range(BATCH):
        for t in range(length):
            seen = emissions[b, : t + 1][mask[b, : t + 1]]
            if len(seen):
                p = scores(crf, seen).softmax(0)
                last = torch.tensor([tags[-1] for tags in sequences(len(seen))])
                expected = torch.stack([p[last == k].sum() for k in range(TAGS)])
            else:
                expected = torch.full((TAGS,), 1 / TAGS, dtype=torch.float64)
            torch.testing.assert_close(filtered[b, t].exp(), expected)


def test_filtered_does_not_see_what_comes_later_and_decoding_does() -> None:
    crf, emissions, _ = chain(3, 6)
    mask = torch.ones(BATCH, 6, dtype=torch.bool)
    shocked = emissions.detach().clone()
    shocked[:, 4:] = 50 * torch.randn(BATCH, 2, TAGS, dtype=torch.float64)
    with torch.no_grad():
        before, after = crf.filtered(emissions, mask), crf.filtered(shocked, mask)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4:], after[:, 4:])
    # Strong steps carry a late emission back into the tags before it.
    with torch.no_grad():
        crf.step_KK.copy_(20 * torch.eye(TAGS))
    assert not torch.equal(crf.decode(emissions, mask)[:, :4], crf.decode(shocked, mask)[:, :4])


def test_the_scan_keeps_its_precision_over_long_sequences() -> None:
    torch.manual_seed(0)
    crf = LinearChainCRF(TAGS)
    torch.nn.init.normal_(crf.step_KK)
    emissions = torch.randn(2, 1000, TAGS)
    mask = torch.ones(2, 1000, dtype=torch.bool)
    mask[1, 300:] = False
    alpha = (crf.start_K + emissions[:, 0]).double()
    for t in range(1, 1000):
        moved = alpha[:, :, None] + crf.step_KK + emissions[:, t, None, :]
        alpha = torch.where(mask[:, t, None], moved.logsumexp(1), alpha)
    torch.testing.assert_close(crf.log_partition(emissions, mask), alpha.logsumexp(-1).float())


@pytest.mark.parametrize("length", [1, 5])
def test_at_zero_the_tags_are_independent(length: int) -> None:
    emissions = torch.randn(2, length, TAGS)
    mask = torch.ones(2, length, dtype=torch.bool)
    torch.testing.assert_close(
        LinearChainCRF(TAGS).filtered(emissions, mask), emissions.log_softmax(-1)
    )


def test_half_precision_emissions_are_summed_in_full() -> None:
    crf = LinearChainCRF(TAGS)
    emissions = torch.randn(2, 300, TAGS).bfloat16()
    mask = torch.ones(2, 300, dtype=torch.bool)
    tags = torch.zeros(2, 300, dtype=torch.int64)
    full = crf.log_likelihood(emissions.float(), tags, mask)
    torch.testing.assert_close(crf.log_likelihood(emissions, tags, mask), full)


def test_far_apart_scores_keep_their_gradients() -> None:
    crf = LinearChainCRF(TAGS)
    with torch.no_grad():
        crf.step_KK.copy_(200 * torch.randn(TAGS, TAGS, generator=torch.Generator().manual_seed(0)))
    emissions = (300 * torch.randn(2, 40, TAGS)).requires_grad_()
    mask = torch.ones(2, 40, dtype=torch.bool)
    mask[1, 25:] = False
    tags = torch.randint(TAGS, (2, 40))
    tags[:, ::3] = IGNORED
    value = crf.log_likelihood(emissions, tags, mask)
    assert torch.isfinite(value).all()
    assert all(torch.isfinite(one).all() for one in gradients(value.sum(), crf, emissions))
