"""Lightning callbacks: early stopping that keeps the best weights, and a line an epoch."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Mapping
from typing import Any, cast

from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn

from fints_pipeline.training.fit_task import FitTask

log = logging.getLogger("fints_pipeline.training")
_KEPT = ("loss", "score", "best_loss", "best_epoch", "reason", "_best")


class EarlyStop(Callback):
    """Keeps the weights of the epoch with the lowest early-stopping loss, and stops after it.

    Where the task has a score of its own, minus that takes the loss's place.

    Args:
        patience: epochs without improvement that are waited for.
        max_seconds: None, or the time after which no further epoch begins.
    """

    def __init__(self, patience: int, max_seconds: float | None) -> None:
        self.patience = patience
        self.max_seconds = max_seconds
        self.loss = math.inf
        self.score: float | None = None
        self.best_loss = math.inf
        self.best_epoch = 0
        self.reason = "epochs"
        self._best = math.inf
        self._weights: dict[str, Tensor] = {}
        self._spent = 0.0
        self._started = 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Start the clock; a fit that had stopped before it was killed stays stopped."""
        self._started = time.monotonic() - self._spent
        if self.reason != "epochs":
            trainer.should_stop = True

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Keep better weights; ask to stop where none came for long."""
        task = cast(FitTask, pl_module)
        epoch = trainer.current_epoch + 1
        self.loss = aim = task.validation_mean.take()
        if task.score is not None:
            self.score = task.score(task.network)
            aim = -self.score
        if aim < self._best or not self._weights:
            self._best, self.best_loss, self.best_epoch = aim, self.loss, epoch
            self._weights = _copied(task.network)
        elif epoch - self.best_epoch >= self.patience:
            self._stop(trainer, "patience")
        # One clock for all processes, or some would go on and wait for the others.
        late = self.max_seconds is not None and self.seconds > self.max_seconds
        if trainer.strategy.reduce_boolean_decision(late, all=False):
            self._stop(trainer, "max_seconds")

    @property
    def seconds(self) -> float:
        """Time that the fit has taken, that before a restart included."""
        return time.monotonic() - self._started

    def restore(self, network: nn.Module) -> None:
        """Put the best weights back."""
        network.load_state_dict(self._weights)

    def state_dict(self) -> dict[str, Any]:
        """Return all that the next epochs depend on, for a checkpoint."""
        kept = {name: getattr(self, name) for name in _KEPT}
        return {**kept, "weights": self._weights, "spent": self.seconds}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        for name in _KEPT:
            setattr(self, name, state_dict[name])
        self._weights, self._spent = state_dict["weights"], state_dict["spent"]

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

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Log the epoch."""
        metrics = {
            "train_loss": cast(FitTask, pl_module).train_mean.take(),
            "validation_loss": self._stop.loss,
            "learning_rate": float(trainer.optimizers[0].param_groups[0]["lr"]),
        }
        if self._stop.score is not None:
            metrics["validation_sharpe"] = self._stop.score
        epoch = trainer.current_epoch + 1
        self.history.append({"epoch": epoch, **metrics})
        log.info(self._line(epoch, int(trainer.max_epochs or epoch), metrics))
        if self._on_metrics is not None:
            self._on_metrics(metrics, trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        """Return the epochs so far, for a checkpoint."""
        return {"history": [dict(epoch) for epoch in self.history]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self.history = list(state_dict["history"])

    def _line(self, epoch: int, epochs: int, metrics: Mapping[str, float]) -> str:
        passed = self._stop.seconds
        left = passed / epoch * (epochs - epoch)
        best = " (best)" if self._stop.best_epoch == epoch else ""
        return (
            f"{self._name}: epoch {epoch} of {epochs}, train loss {metrics['train_loss']:.4f}, "
            f"early-stopping loss {metrics['validation_loss']:.4f}{best}, "
            f"{passed:.0f} s passed, at most {left:.0f} s left"
        )


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
