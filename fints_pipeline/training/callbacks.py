"""Lightning callbacks: early stopping that keeps the best weights, and a line an epoch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Protocol, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from fints_pipeline.training.running_mean import RunningMean

log = logging.getLogger("fints_pipeline.training")


class Means(Protocol):
    """What the callbacks read from the task."""

    train_mean: RunningMean
    validation_mean: RunningMean


class EarlyStop(Callback):
    """Keeps the weights of the epoch with the lowest early-stopping loss, and stops after it.

    Args:
        patience: epochs without improvement that are waited for.
        max_seconds: None, or the time after which no further epoch begins.
    """

    def __init__(self, patience: int, max_seconds: float | None) -> None:
        self.patience = patience
        self.max_seconds = max_seconds
        self.loss = math.inf
        self.best_loss = math.inf
        self.best_epoch = 0
        self.reason = "epochs"
        self._weights: dict[str, Tensor] = {}
        self._started = 0.0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep better weights; ask to stop where none came for long."""
        epoch = trainer.current_epoch + 1
        loss = self.loss = cast(Means, pl_module).validation_mean.take()
        if loss < self.best_loss or not self._weights:
            self.best_loss, self.best_epoch = loss, epoch
            self._weights = _copied(cast(nn.Module, pl_module.network))
        elif epoch - self.best_epoch >= self.patience:
            self._stop(trainer, "patience")
        if self.max_seconds is not None and time.monotonic() - self._started > self.max_seconds:
            self._stop(trainer, "max_seconds")

    def restore(self, network: nn.Module) -> None:
        """Put the best weights back."""
        network.load_state_dict(self._weights)

    def _stop(self, trainer: Trainer, reason: str) -> None:
        self.reason = reason
        trainer.should_stop = True


class EpochLog(Callback):
    """Logs a line an epoch, with the time left, and hands the numbers on."""

    def __init__(
        self,
        name: str,
        stop: EarlyStop,
        on_metrics: Callable[[Mapping[str, float], int], None] | None,
    ) -> None:
        self.history: list[Mapping[str, float]] = []
        self._name = name
        self._stop = stop
        self._on_metrics = on_metrics
        self._started = 0.0

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock."""
        self._started = time.monotonic()

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch."""
        metrics = {
            "train_loss": cast(Means, pl_module).train_mean.take(),
            "validation_loss": self._stop.loss,
            "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
        }
        epoch = trainer.current_epoch + 1
        self.history.append({"epoch": epoch, **metrics})
        log.info(self._line(epoch, int(trainer.max_epochs or epoch), metrics))
        if self._on_metrics is not None:
            self._on_metrics(metrics, trainer.global_step)

    def _line(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> str:
        passed = time.monotonic() - self._started
        left = passed / epoch * (epochs - epoch)
        best = " (best)" if self._stop.best_epoch == epoch else ""
        return (
            f"{self._name}: epoch {epoch} of {epochs}, train loss {metrics['train_loss']:.4f}, "
            f"early-stopping loss {metrics['validation_loss']:.4f}{best}, "
            f"{passed:.0f} s passed, at most {left:.0f} s left"
        )


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
