"""Losses against torch's, scipy's and the plainest loops."""

import numpy as np
import pytest
import torch
from scipy import stats
from torch.nn.functional import cross_entropy, huber_loss

from fints_pipeline.base.components import available
from fints_pipeline.models._heads import QuantileHead, StudentTHead
from fints_pipeline.training.losses import PACKAGE, Loss
from fints_pipeline.training.losses.absolute_error import AbsoluteError
from fints_pipeline.training.losses.cross_entropy import CrossEntropy
from fints_pipeline.training.losses.focal import Focal
from fints_pipeline.training.losses.huber import Huber
from fints_pipeline.training.losses.mase import Mase
from fints_pipeline.training.losses.sharpe import Sharpe
from fints_pipeline.training.losses.squared_error import SquaredError
from fints_pipeline.training.losses.tilted import Tilted

SHAPE = (5, 4, 3)


@pytest.fixture
def pair() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(0)
    forecast, actual = (torch.randn(SHAPE, generator=draws) for _ in range(2))
    return forecast, actual, torch.rand((5, 3), generator=draws) + 0.5


def test_the_losses_there_are() -> None:
    assert set(available(PACKAGE, Loss)) >= {
        "absolute_error", "cross_entropy", "focal", "huber", "mase", "sharpe", "squared_error",
        "tilted",
    }  # fmt: skip


def test_forecast_losses_number_by_number(
    pair: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
) -> None:
    forecast, actual, scale = pair
    losses = (SquaredError(), AbsoluteError(), Huber(delta=0.7), Tilted(level=0.9), Mase())
    found = [loss(*pair).numpy() for loss in losses]
    assert all(one.shape == SHAPE for one in found)
    for place in np.ndindex(*SHAPE):
        u = float(actual[place] - forecast[place])
        huber = u * u / 2 if abs(u) <= 0.7 else 0.7 * (abs(u) - 0.35)
        tilted = 0.9 * u if u > 0 else -0.1 * u
        mase = abs(u) / float(scale[place[0], place[2]])
        wanted = (u * u, abs(u), huber, tilted, mase)
        np.testing.assert_allclose([one[place] for one in found], wanted, rtol=1e-5)
    np.testing.assert_allclose(found[2], huber_loss(forecast, actual, "none", 0.7))


def test_the_best_constant_of_the_tilted_loss_is_the_quantile() -> None:
    draws = torch.randn(20_001, generator=torch.Generator().manual_seed(1))
    tries = torch.linspace(-3, 3, 601)
    loss = Tilted(level=0.8)
    mean = torch.stack([loss(t.expand_as(draws), draws, draws).mean() for t in tries])
    best = float(tries[mean.argmin()])
    assert best == pytest.approx(float(torch.quantile(draws, 0.8)), abs=0.02)


def test_the_pinball_loss_of_a_head_is_the_mean_of_tilted_ones() -> None:
    levels = (0.1, 0.5, 0.9)
    draws = torch.Generator().manual_seed(2)
    raw, y = torch.randn((*SHAPE, 3), generator=draws), torch.randn(SHAPE, generator=draws)
    each = [Tilted(level=q)(raw[..., k], y, y) for k, q in enumerate(levels)]
    torch.testing.assert_close(QuantileHead(levels=levels).loss(raw, y), sum(each) / 3)


def test_the_student_t_likelihood_is_scipys() -> None:
    raw = torch.tensor([[[[3.0, 0.2, 0.5], [8.0, -1.0, 2.0]]]], dtype=torch.float64)
    y = torch.tensor([[[0.7, -4.0]]], dtype=torch.float64)
    wanted = -stats.t.logpdf([0.7, -4.0], df=[3, 8], loc=[0.2, -1], scale=[0.5, 2])
    np.testing.assert_allclose(StudentTHead().loss(raw, y)[0, 0].numpy(), wanted, rtol=1e-10)


def scores() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(3)
    logits = torch.randn((30, 4), generator=draws, dtype=torch.float64)
    return logits, torch.randint(4, (30,), generator=draws), torch.tensor([1.0, 2.0, 0.5, 3.0])


def test_cross_entropy_with_smoothing_and_weights_is_torchs() -> None:
    logits, classes, weights = scores()
    found, total = CrossEntropy(smoothing=0.1)(logits, classes, weights)
    wanted = cross_entropy(logits, classes, weights.double(), label_smoothing=0.1)
    torch.testing.assert_close(found, wanted)
    assert float(total) == pytest.approx(float(weights[classes].sum()))


def test_smoothing_moves_an_even_share_of_the_target() -> None:
    logits, classes, _ = scores()
    target = torch.full((30, 4), 0.1 / 4, dtype=torch.float64)
    target[torch.arange(30), classes] += 0.9
    wanted = -(target * logits.log_softmax(-1)).sum(1).mean()
    torch.testing.assert_close(
        CrossEntropy(smoothing=0.1)(logits, classes, torch.ones(4))[0], wanted
    )


def test_focal_is_cross_entropy_at_gamma_0_and_its_formula_elsewhere() -> None:
    logits, classes, weights = scores()
    flat, total = Focal(gamma=0)(logits, classes, weights)
    wanted, same = CrossEntropy()(logits, classes, weights)
    torch.testing.assert_close((flat, total), (wanted, same))
    p = logits.softmax(-1)[torch.arange(30), classes]
    w = weights.double()[classes]
    by_hand = (w * -((1 - p) ** 2) * p.log()).sum() / w.sum()
    torch.testing.assert_close(Focal(gamma=2)(logits, classes, weights)[0], by_hand)


def test_the_sharpe_surrogate_is_its_formula_and_carries_positions() -> None:
    rng = np.random.default_rng(4)
    x, r = rng.uniform(-1, 1, (6, 2)), rng.normal(0, 1e-3, (6, 2))
    carried = np.array([0.5, -0.5])
    earned = []
    for t in range(6):
        before = x[t - 1] if t else carried
        earned.append((before * r[t]).sum() - 2e-4 * np.abs(x[t] - before).sum())
    wanted = -np.mean(earned) / np.std(earned)
    position = torch.tensor(x, requires_grad=True)
    found, kept = Sharpe(cost_bps=2).portfolio(position, torch.tensor(r), torch.tensor(carried))
    assert float(found.detach()) == pytest.approx(wanted, rel=1e-6)
    np.testing.assert_array_equal(kept.numpy(), x[-1])
    assert not kept.requires_grad
    found.backward()
    assert position.grad is not None
    assert torch.isfinite(position.grad).all()


def test_the_sharpe_surrogate_of_positions_that_never_move_has_a_finite_slope() -> None:
    position = torch.zeros((4, 1), requires_grad=True)
    found, _ = Sharpe().portfolio(position, torch.zeros((4, 1)), torch.zeros(1))
    found.backward()
    assert torch.isfinite(position.grad).all()
