"""What forecasters say of a step: losses against SciPy's densities, quantiles, units."""

import numpy as np
import pytest
import torch
from pydantic import TypeAdapter, ValidationError
from scipy import stats

from fints_pipeline.base.errors import ConfigError, SchemaError
from fints_pipeline.models._heads import (
    BaseHead,
    Head,
    NegativeBinomialHead,
    NormalHead,
    PointHead,
    QuantileHead,
    StudentTHead,
    finish,
)
from fints_pipeline.models._instance_norm import Affine
from fints_pipeline.models.patchtst import PatchTSTConfig, build

SPREAD = [NormalHead(), StudentTHead(), NegativeBinomialHead()]
EVERY = [PointHead(), QuantileHead(), *SPREAD]
LEVELS = (0.05, 0.5, 0.95)


def drawn(head: BaseHead) -> tuple[torch.Tensor, torch.Tensor]:
    """Return parameters (4, 3, 2, K) and counts (4, 3, 2), double."""
    generator = torch.Generator().manual_seed(0)
    free = torch.randn(4, 3, 2, head.width, generator=generator, dtype=torch.float64)
    counts = torch.randint(0, 6, (4, 3, 2), generator=generator).double()
    return head.constrain(free), counts


def scipy_twin(head: BaseHead, raw: torch.Tensor):
    """Return SciPy's distribution of the same parameters."""
    p = raw.numpy()
    if isinstance(head, NormalHead):
        return stats.norm(p[..., 0], p[..., 1])
    if isinstance(head, StudentTHead):
        return stats.t(p[..., 0], p[..., 1], p[..., 2])
    return stats.nbinom(p[..., 1], p[..., 1] / (p[..., 1] + p[..., 0]))


@pytest.mark.parametrize("head", SPREAD, ids=lambda h: h.kind)
def test_losses_are_the_negative_log_likelihood(head: BaseHead) -> None:
    raw, y = drawn(head)
    twin = scipy_twin(head, raw)
    density = twin.logpmf if isinstance(head, NegativeBinomialHead) else twin.logpdf
    np.testing.assert_allclose(head.loss(raw, y).numpy(), -density(y.numpy()), rtol=1e-6)
    np.testing.assert_allclose(head.mean(raw).numpy(), twin.mean(), rtol=1e-6)


@pytest.mark.parametrize("head", SPREAD, ids=lambda h: h.kind)
def test_quantiles_invert_the_distribution(head: BaseHead) -> None:
    raw, _ = drawn(head)
    twin = scipy_twin(head, raw)
    expected = np.stack([twin.ppf(level) for level in LEVELS], -1)
    np.testing.assert_allclose(head.quantiles(raw, LEVELS).numpy(), expected, rtol=1e-6)


@pytest.mark.parametrize("head", [NormalHead(), StudentTHead()], ids=lambda h: h.kind)
def test_rescaled_parameters_describe_the_scaled_variable(head: BaseHead) -> None:
    raw, y = drawn(head)
    location, scale = torch.tensor([[[3.0, -1.0]]]), torch.tensor([[[2.0, -0.5]]])
    moved = head.rescale(raw, location, scale)
    expected = head.loss(raw, y) + scale.abs().log()
    torch.testing.assert_close(head.loss(moved, location + scale * y), expected.expand_as(y))
    torch.testing.assert_close(head.mean(moved), location + scale * head.mean(raw))


def test_counts_are_scaled_by_their_mean() -> None:
    head = NegativeBinomialHead()
    raw, _ = drawn(head)
    zero, scale = torch.zeros(1, 1, 1), torch.full((1, 1, 2), 3.0)
    torch.testing.assert_close(head.mean(head.rescale(raw, zero, scale)), 3 * head.mean(raw))


def test_a_point_is_the_squared_error() -> None:
    head = PointHead()
    assert head.loss(torch.tensor(1.0), torch.tensor(4.0)) == 9
    with pytest.raises(ConfigError, match="no quantiles"):
        head.quantiles(torch.zeros(1, 1, 1), LEVELS)


def test_the_pinball_loss_by_hand() -> None:
    head = QuantileHead(levels=(0.1, 0.9))
    raw, y = torch.tensor([[[[1.0, 3.0]]]]), torch.tensor([[[2.0]]])
    # .1 · (2 − 1) = .1 below; (.9 − 1) · (2 − 3) = .1 above
    assert head.loss(raw, y).item() == pytest.approx(0.1)


def test_the_pinball_loss_is_least_at_the_quantiles() -> None:
    head = QuantileHead(levels=(0.1, 0.5, 0.9))
    y = torch.randn(20_000, generator=torch.Generator().manual_seed(0))
    best = torch.tensor(stats.norm.ppf([0.1, 0.5, 0.9]), dtype=torch.float32)
    least = head.loss(best.expand(20_000, 3), y).mean()
    for shift in (-0.2, 0.2):
        for place in range(3):
            moved = best.clone()
            moved[place] += shift
            assert head.loss(moved.expand(20_000, 3), y).mean() > least


def test_crossed_quantiles_come_out_in_order_and_between_levels_linear() -> None:
    head = QuantileHead(levels=(0.25, 0.5, 0.75))
    raw = torch.tensor([[[[3.0, 1.0, 2.0]]]])
    found = head.quantiles(raw, (0.25, 0.375, 0.5, 0.75))
    assert found.flatten().tolist() == [1.0, 1.5, 2.0, 3.0]
    # weights .375, .25, .375
    assert head.mean(torch.tensor([[[[0.0, 2.0, 8.0]]]])).item() == pytest.approx(3.5)
    with pytest.raises(ConfigError, match=r"do not reach to 0\.05"):
        head.quantiles(raw, (0.05,))


def test_one_level_alone() -> None:
    head = QuantileHead(levels=(0.5,))
    assert head.quantiles(torch.ones(2, 3, 1, 1), (0.5,)).shape == (2, 3, 1, 1)


@pytest.mark.parametrize("values", [[-1.0], [0.5], [float("nan")]])
def test_the_count_head_refuses_what_is_no_count(values: list[float]) -> None:
    with pytest.raises(SchemaError, match="for counts"):
        NegativeBinomialHead().require_targets(torch.tensor(values))
    NormalHead().require_targets(torch.tensor(values))
    NegativeBinomialHead().require_targets(torch.tensor([0.0, 7.0]))


def test_heads_are_chosen_by_kind() -> None:
    adapter = TypeAdapter(Head)
    for head in EVERY:
        assert adapter.validate_python(head.model_dump()) == head
    with pytest.raises(ValidationError, match="levels must rise"):
        adapter.validate_python({"kind": "quantile", "levels": [0.5, 0.5]})


@pytest.mark.parametrize("head", EVERY, ids=lambda h: h.kind)
def test_finish_gives_the_contracts_shape_and_finite_gradients(head: BaseHead) -> None:
    free = (50 * torch.randn(2, 3, 4, head.width)).requires_grad_()
    one = torch.ones(2, 1, 4)
    raw = finish(head, free, Affine(0 * one, 2 * one))
    assert raw.shape == ((2, 3, 4) if head.kind == "point" else (2, 3, 4, head.width))
    loss = head.loss(raw, torch.randint(0, 9, (2, 3, 4)).float())
    assert loss.shape == (2, 3, 4)
    torch.autograd.backward(loss.mean())
    assert free.grad is not None
    assert torch.isfinite(free.grad).all()


@pytest.mark.parametrize("head", EVERY, ids=lambda h: h.kind)
def test_patchtst_takes_every_head(head: BaseHead) -> None:
    settings = {"lookback": 24, "horizon": 5, "patch": 8, "stride": 4, "width": 8, "heads": 2}
    config = PatchTSTConfig(**settings, head=head, instance_norm="scale")
    raw = build(config)(torch.randn(4, 24, 3))
    assert head.mean(raw).shape == (4, 5, 3)
    if head.kind != "point":
        spread = head.quantiles(raw, LEVELS)
        assert spread.shape == (4, 5, 3, 3)
        assert (spread.diff(dim=-1) >= 0).all()


def test_counts_are_not_centred() -> None:
    with pytest.raises(ValidationError, match="cannot be shifted"):
        PatchTSTConfig(head=NegativeBinomialHead())
