"""One fit: Lightning's loop, early stopping, the best epoch's weights."""

from __future__ import annotations

import logging
import math
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import Tensor, nn

from fints_pipeline.models._base import parameter_count
from fints_pipeline.training.batches import Batch, Batches, Samples
from fints_pipeline.training.callbacks import EarlyStop, EpochLog
from fints_pipeline.training.config import FitConfig
from fints_pipeline.training.objectives import Objective
from fints_pipeline.training.record import FitRecord
from fints_pipeline.training.running_mean import RunningMean
from fints_pipeline.training.seeds import derived_seed

OnMetrics = Callable[[Mapping[str, float], int], None]
_DROPOUT = 3  # what a derived seed is for


@dataclass(frozen=True)
class FitReport:
    """How a fit went.

    Attributes:
        history: per epoch its number, train and early-stopping loss, and learning rate.
        best_epoch: the epoch, from 1, whose weights were kept.
        best_loss: its early-stopping loss.
        steps: optimiser steps taken.
        stopped_by: "epochs", "patience" or "max_seconds".
    """

    history: tuple[Mapping[str, float], ...]
    best_epoch: int
    best_loss: float
    steps: int
    stopped_by: str

    def record(self, task: FitTask) -> FitRecord:
        """Return what training.json keeps of the fit."""
        return FitRecord(
            samples=len(task.train_samples),
            early_stopping_samples=len(task.validation_samples),
            parameters=parameter_count(task.network),
            steps=self.steps,
            best_epoch=self.best_epoch,
            stopped_by=self.stopped_by,
            history=tuple(dict(epoch) for epoch in self.history),
        )


class FitTask(LightningModule):
    """A network, its objective and its samples, as Lightning wants them."""

    def __init__(
        self,
        network: nn.Module,
        objective: Objective,
        train: Samples,
        validation: Samples,
        fit: FitConfig,
        seed: int,
    ) -> None:
        super().__init__()
        self.network = network
        self.objective = objective
        self.train_samples = train
        self.validation_samples = validation
        self.fit_config = fit
        self.seed = seed
        self.train_mean = RunningMean()
        self.validation_mean = RunningMean()

    def train_dataloader(self) -> Batches:
        """Return the batches that follow the steps taken so far."""
        size = self.fit_config.batch_size
        return Batches(self.train_samples, size, self.seed, step=self.trainer.global_step)

    def val_dataloader(self) -> Batches:
        """Return the same batches every time."""
        size = self.fit_config.batch_size
        return Batches(self.validation_samples, size, self.seed, shuffle=False)

    def on_train_batch_start(self, batch: Batch, batch_idx: int) -> None:
        """Tie dropout to the step, so that it does not depend on where a fit started."""
        torch.manual_seed(derived_seed(self.seed, _DROPOUT, self.trainer.global_step))

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """Return the batch's loss."""
        loss, weight = self.objective(self.network, batch)
        self.train_mean.add(loss.detach(), weight)
        return loss

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        """Add the batch to the early-stopping loss."""
        self.validation_mean.add(*self.objective(self.network, batch))

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Return AdamW with a linear warm-up and a half-cosine decay, a step at a time."""
        fit = self.fit_config
        optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=fit.learning_rate, weight_decay=fit.weight_decay
        )
        total = fit.epochs * self.train_dataloader().per_epoch
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: _rate(step, total, fit.warmup)
        )
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": schedule, "interval": "step"},
        }


def fit_network(
    task: FitTask, *, name: str, accelerator: str, on_metrics: OnMetrics | None = None
) -> FitReport:
    """Fit a task's network in place and leave it on the CPU, in evaluation mode.

    Args:
        task: what to fit; call within `fints_pipeline.training.seeds.reproducible`.
        name: for the progress lines.
        accelerator: "cpu", "gpu", or "auto" for a CUDA device where there is one.
        on_metrics: is given each epoch's metrics and the step.
    """
    stop = EarlyStop(task.fit_config.patience, task.fit_config.max_seconds)
    log = EpochLog(name, stop, on_metrics)
    with _quiet_lightning():
        trainer = Trainer(
            accelerator=_resolve(accelerator),
            devices=1,
            max_epochs=task.fit_config.epochs,
            gradient_clip_val=task.fit_config.gradient_clip,
            callbacks=[stop, log],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            reload_dataloaders_every_n_epochs=1,
        )
        task.train()  # a network out of a bundle comes in evaluation mode, without dropout
        trainer.fit(task)
    stop.restore(task.network)
    task.network.to("cpu").eval()
    return FitReport(
        tuple(log.history), stop.best_epoch, stop.best_loss, trainer.global_step, stop.reason
    )


@torch.no_grad()
def mean_loss(network: nn.Module, objective: Objective, batches: Iterable[Batch]) -> float:
    """Return an objective's mean over all samples of ``batches``, in evaluation mode."""
    network.eval()
    mean = RunningMean()
    for batch in batches:
        mean.add(*objective(network, batch))
    return mean.take()


def _rate(step: int, total: int, warmup: float) -> float:
    rising = warmup * total
    if step < rising:
        return (step + 1) / (rising + 1)
    done = (step - rising) / max(1.0, total - rising)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))


def _resolve(accelerator: str) -> str:
    if accelerator != "auto":
        return accelerator
    return "gpu" if torch.cuda.is_available() else "cpu"


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Mute Lightning's notes on devices and its tips: the progress lines say what matters."""
    names = ("lightning.pytorch.utilities.rank_zero", "lightning.fabric.utilities.rank_zero")
    loggers = [logging.getLogger(name) for name in (*names, "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 asks torch 2.13 for a tree's leaves in a way that still works.
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
