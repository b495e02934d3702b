"""The tagger: what its tags know, and that the CRF is trained with the encoder."""

import pytest
import torch

from fints_pipeline.models import brooks_tagger
from fints_pipeline.models._bert import BertSettings
from fints_pipeline.models._crf import IGNORED
from fints_pipeline.models.brooks_tagger import BrooksTaggerConfig

FORMS = {"flat": {"vocabulary_size": 20}, "factorised": {"field_sizes": (9, 12, 7)}}


def tagger(form: str, **settings: bool) -> torch.nn.Module:
    torch.manual_seed(0)
    encoder = BertSettings(
        max_length=16, width=8, layers=2, heads=2, feed_forward=16, **FORMS[form]
    )
    config = BrooksTaggerConfig(encoder=encoder, classes=("a", "b", "c"), **settings)
    network = brooks_tagger.build(config).eval()
    if settings.get("crf"):
        torch.nn.init.normal_(network.crf.step_KK)
    return network


def framed(form: str, bars: int = 8) -> torch.Tensor:
    """Return ids (3, bars + 2[, F]) with their frame."""
    ids = torch.randint(5, 7, (3, bars + 2, 3))
    ids[:, 0], ids[:, -1] = 3, 4
    return ids if form == "factorised" else ids[..., 0]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("crf", [False, True])
def test_a_tagger_does_not_see_later_bars(form: str, crf: bool) -> None:
    network = tagger(form, crf=crf)
    ids = framed(form)
    shocked = ids.clone()
    shocked[:, 5:-1] = 11 - shocked[:, 5:-1]
    with torch.no_grad():
        before, after = network.filtered(ids), network.filtered(shocked)
    torch.testing.assert_close(before[:, :5], after[:, :5], atol=1e-6, rtol=1e-5)
    assert not torch.allclose(before[:, 5], after[:, 5])


def test_an_encoder_that_looks_both_ways_lets_later_bars_in() -> None:
    network = tagger("flat", crf=True, causal=False)
    ids = framed("flat")
    shocked = ids.clone()
    shocked[:, 5:-1] = 11 - shocked[:, 5:-1]
    with torch.no_grad():
        before, after = network.filtered(ids), network.filtered(shocked)
    assert not torch.allclose(before[:, :5], after[:, :5])


@pytest.mark.parametrize("crf", [False, True])
def test_the_loss_counts_known_labels_of_bars_alone(crf: bool) -> None:
    network = tagger("flat", crf=crf)
    ids = framed("flat")
    labels = torch.randint(3, ids.shape)
    some = labels.clone()
    some[:, [0, -1]] = IGNORED
    with torch.no_grad():
        assert torch.equal(network(ids, labels=labels).loss, network(ids, labels=some).loss)
        nothing = torch.full_like(labels, IGNORED)
        assert network(ids, labels=nothing).loss == 0


def test_without_a_crf_the_loss_is_cross_entropy() -> None:
    network = tagger("flat")
    ids = framed("flat")
    labels = torch.randint(3, ids.shape)
    labels[:, [0, -1]] = IGNORED
    with torch.no_grad():
        output = network(ids, labels=labels)
    expected = torch.nn.functional.cross_entropy(output.logits.flatten(0, 1), labels.flatten())
    torch.testing.assert_close(output.loss, expected)


def test_the_crf_learns_that_tags_last() -> None:
    """Emissions say nothing; the labels are runs, which only steps from tag to tag can learn."""
    network = tagger("flat", crf=True)
    ids = framed("flat").fill_(6)
    labels = torch.tensor([0, 1, 2])[:, None].expand(3, ids.shape[1])
    optimiser = torch.optim.Adam([network.crf.step_KK], lr=0.1)
    losses = []
    for _ in range(60):
        loss = network(ids, labels=labels).loss
        optimiser.zero_grad()
        torch.autograd.backward(loss)
        optimiser.step()
        losses.append(loss.item())
    assert losses[-1] < 0.5 * losses[0]
    steps = network.crf.step_KK.detach()
    assert (steps.argmax(dim=1) == torch.arange(3)).all()


def test_tags_in_hindsight_leave_out_what_is_no_bar() -> None:
    network = tagger("factorised", crf=True)
    ids = framed("factorised")
    mask = torch.ones(ids.shape[:2], dtype=torch.int64)
    mask[0, -4:] = 0
    tags = network.tags(ids, mask)
    assert (tags[:, 0] == IGNORED).all()
    assert (tags[0, -4:] == IGNORED).all()
    assert (tags[1, 1:-1] >= 0).all()
