"""Noise, mixup and averages of the weights, against plain loops."""

import copy

import torch
from torch import Tensor, nn

from fints_pipeline.training.augment import augmentation, mixed_windows, partners
from fints_pipeline.training.averaging import renew_batch_norm
from fints_pipeline.training.batches import Batch
from fints_pipeline.training.config import FitConfig, HardwareConfig, RegularisationConfig
from fints_pipeline.training.fit_task import FitTask
from fints_pipeline.training.loop import fit_network


def batch() -> Batch:
    draws = torch.Generator().manual_seed(0)
    return {
        "past": torch.randn(6, 8, 2, generator=draws),
        "future": torch.randn(6, 3, 2, generator=draws),
        "instrument": torch.tensor([0, 0, 1, 1, 0, 1]),
    }


def test_partners_are_of_the_same_instrument_and_each_is_one_once() -> None:
    group = batch()["instrument"]
    chosen = partners(group)
    assert torch.equal(group[chosen], group)
    assert sorted(chosen.tolist()) == list(range(6))


def test_noise_touches_the_inputs_alone() -> None:
    augment = augmentation(RegularisationConfig(feature_noise=0.1), "none")
    assert augment is not None
    before, after = batch(), augment(batch())
    assert not torch.equal(after["past"], before["past"])
    assert torch.equal(after["future"], before["future"])
    assert augmentation(RegularisationConfig(), "none") is None


def test_windows_are_blended_as_instance_normalisation_leaves_them() -> None:
    before = batch()
    torch.manual_seed(3)
    after = mixed_windows(before, 0.4, "standard")
    torch.manual_seed(3)
    partner = partners(before["instrument"])
    share = torch.distributions.Beta(0.4, 0.4).sample((6,))
    for row in range(6):
        own, other = before["past"][row], before["past"][partner[row]]
        mean, scale = own.mean(0), (own.var(0, correction=0) + 1e-5).sqrt()
        there, wide = other.mean(0), (other.var(0, correction=0) + 1e-5).sqrt()
        for name in ("past", "future"):
            mine, its = before[name][row], before[name][partner[row]]
            expected = share[row] * mine + (1 - share[row]) * ((its - there) / wide * scale + mean)
            torch.testing.assert_close(after[name][row], expected)


class Rows:
    """Samples of normal inputs, off centre, and their sums."""

    def __init__(self, count: int = 32) -> None:
        self.x = 3 + 2 * torch.randn(count, 4, generator=torch.Generator().manual_seed(1))

    def __len__(self) -> int:
        return len(self.x)

    def batch(self, positions: Tensor, draws: torch.Generator) -> Batch:
        return {"x": self.x[positions]}


def objective(network: nn.Module, found: Batch) -> tuple[Tensor, Tensor]:
    error = network(found["x"])[:, 0] - found["x"].sum(dim=1)
    return error.square().mean(), torch.tensor(len(error))


def task(average: str, **settings: object) -> FitTask:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 1))
    fit = FitConfig.model_validate(
        {
            "epochs": 2,
            "batch_size": 8,
            "learning_rate": 0.05,
            "patience": 9,
            "regularisation": {"average": average, **settings},
        }
    )
    return FitTask(network, objective, Rows(), Rows(16), fit, seed=0)


def test_batch_norms_statistics_are_the_means_over_the_training_batches() -> None:
    fitted = task("swa")
    linear, norm = fitted.network[0], fitted.network[1]  # type: ignore[index]
    renew_batch_norm(fitted)
    inputs = [linear(found["x"]) for found in fitted.train_batches(0)]
    means = torch.stack([one.mean(0) for one in inputs]).mean(0)
    variances = torch.stack([one.var(0) for one in inputs]).mean(0)
    torch.testing.assert_close(norm.running_mean, means.detach())
    torch.testing.assert_close(norm.running_var, variances.detach())
    assert norm.momentum == 0.1


def weights_of_each_step(
    average: str, **settings: object
) -> tuple[list[dict[str, Tensor]], dict[str, Tensor]]:
    """Return the raw weights after each step up to the best epoch's last, and those kept."""
    fitted = task(average, **settings)
    seen: list[dict[str, Tensor]] = []
    step = fitted.optimizer_step

    def noted(*arguments: object, **named: object) -> None:
        step(*arguments, **named)  # type: ignore[arg-type]
        seen.append(copy.deepcopy(dict(fitted.network.named_parameters())))

    fitted.optimizer_step = noted  # type: ignore[method-assign]
    hardware = HardwareConfig(threads=1, accelerator="cpu")
    report = fit_network(fitted, name="average", hardware=hardware)
    assert len(seen) == 8
    return seen[: 4 * report.best_epoch], dict(fitted.network.named_parameters())


def test_swa_is_the_mean_of_the_last_steps() -> None:
    seen, kept = weights_of_each_step("swa", swa_start=0.25)
    for name, value in kept.items():
        mean = torch.stack([one[name] for one in seen[2:]]).mean(0)
        torch.testing.assert_close(value, mean, atol=1e-6, rtol=1e-5)


def test_ema_is_the_plain_loops() -> None:
    seen, kept = weights_of_each_step("ema", ema_decay=0.9)
    for name, value in kept.items():
        average = seen[0][name]
        for count, one in enumerate(seen[1:], start=2):
            decay = min(0.9, count / (9 + count))
            average = decay * average + (1 - decay) * one[name]
        torch.testing.assert_close(value, average, atol=1e-6, rtol=1e-5)
