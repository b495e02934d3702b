"""A network, its objective and its samples, as Lightning wants them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from fints_pipeline.training.augment import Augment
from fints_pipeline.training.batches import COPIES, Batch, Batches, Samples
from fints_pipeline.training.companions import Seat
from fints_pipeline.training.config import FitConfig
from fints_pipeline.training.objectives import Objective
from fints_pipeline.training.optimisation import make_optimiser, rate_factor
from fints_pipeline.training.pooling import pooled
from fints_pipeline.training.running_mean import RunningMean
from fints_pipeline.training.seeds import derived_seed

Score = Callable[[nn.Module], float]
_DROPOUT = 3  # what a derived seed is for


class FitTask(LightningModule):
    """A network, its objective and its samples, as Lightning wants them.

    Args:
        network: to fit in place.
        objective: its loss.
        train: samples to learn from.
        validation: samples of the early-stopping loss.
        fit: how.
        seed: of order, draws and dropout.
        augment: what is done to each training batch.
        score: what early stopping maximises in place of minimising the loss.
        frozen: names of submodules that do not learn.
    """

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        train: Samples,
        validation: Samples,
        fit: FitConfig,
        seed: int,
        *,
        augment: Augment | None = None,
        score: Score | None = None,
        frozen: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.train_samples = train
        self.validation_samples = validation
        self.fit_config = fit
        self.seed = seed
        self.augment = augment
        self.score = score
        self.frozen = frozen
        self.seat = Seat()
        self.train_mean = RunningMean()
        self.validation_mean = RunningMean()
        for name in frozen:
            network.get_submodule(name).requires_grad_(False)

    def begin(self) -> None:
        """Set what learns to training mode: a network out of a bundle comes without dropout."""
        self.train()
        for name in self.frozen:
            self.network.get_submodule(name).eval()

    def train_dataloader(self) -> Batches:
        """Return the batches that follow the steps taken so far."""
        return self.train_batches(self.trainer.global_step)

    def train_batches(self, step: int) -> Batches:
        """Return the rest of an epoch's batches after ``step`` optimiser steps."""
        fit = self.fit_config
        return Batches(
            self.train_samples,
            fit.batch_size,
            self.seed,
            step=step,
            accumulate=fit.accumulate,
            rank=self.seat.rank,
            processes=self.seat.count,
        )

    def val_dataloader(self) -> Batches:
        """Return the same batches every time."""
        size = self.fit_config.batch_size
        rank, processes = self.seat.rank, self.seat.count
        return Batches(
            self.validation_samples,
            size,
            self.seed,
            shuffle=False,
            rank=rank,
            processes=processes,
        )

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Tie dropout to the batch, so that it does not depend on where a fit started."""
        rank = (self.seat.rank,) if self.seat.rank else ()
        torch.manual_seed(derived_seed(self.seed, _DROPOUT, *self._place(batch_idx), *rank))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the batch's loss."""
        copies = batch.pop(COPIES, None)
        if self.augment is not None:
            batch = self.augment(batch)
        loss, mean, weight = self._loss(batch, copies)
        self.train_mean.add(mean, weight)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add the batch to the early-stopping loss."""
        _, mean, weight = self._loss(batch, batch.pop(COPIES, None))
        self.validation_mean.add(mean, weight)

    def _loss(self, batch: Batch, copies: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        """Return what to differentiate, and the mean and weight of the whole batch."""
        loss, weight = self.objective(self.network, batch)
        return pooled(loss, weight if copies is None else weight / copies)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return the optimiser, and its schedule a step at a time."""
        fit = self.fit_config
        optimiser = make_optimiser(self.network.parameters(), fit)
        factor = rate_factor(fit, self.train_batches(0).steps_per_epoch)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {
            "optimizer": optimiser,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Keep the running means of an epoch that is not over."""
        checkpoint["train_mean"] = self.train_mean.state()

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Take back what `on_save_checkpoint` kept."""
        self.train_mean.resume(checkpoint["train_mean"])

    def _place(self, batch_idx: int) -> tuple[int, ...]:
        """Return what tells a batch from all others; with no accumulation, its step."""
        step, accumulate = self.trainer.global_step, self.fit_config.accumulate
        return (step,) if accumulate == 1 else (step, batch_idx % accumulate)
