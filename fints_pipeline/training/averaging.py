"""Averages of the weights over the steps: exponential (EMA), or the mean of the last ones (SWA).

Validation scores the average, which is what is then kept; the fit itself goes on with the raw
weights. BatchNorm's running statistics belong to the weights that made them, so they are computed
anew for the average, over the training batches.

Source: Polyak and Juditsky (1992); Izmailov et al., Averaging Weights Leads to Wider Optima (2018).
"""

from __future__ import annotations

from typing import Any, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from fints_pipeline.training.config import RegularisationConfig
from fints_pipeline.training.fit_task import FitTask


class Averaging(Callback):
    """Keeps an average of the weights, and lets validation see it.

    It stands after the callback that copies the best weights, so that this one finds the average
    in the network.

    Args:
        config: which average.
        total: optimiser steps of the whole fit.
    """

    def __init__(self, config: RegularisationConfig, total: int) -> None:
        self._config = config
        self._start = int(config.swa_start * total) if config.average == "swa" else 0
        self._average: dict[str, Tensor] = {}
        self._count = 0
        self._step = 0
        self._raw: dict[str, Tensor] = {}

    def on_train_batch_end(
        self,
        trainer: Trainer,
        pl_module: LightningModule,
        outputs: Any,
        batch: Any,
        batch_idx: int,
    ) -> None:
        """Take the weights into the average after each optimiser step."""
        if trainer.global_step == self._step:
            return
        self._step = trainer.global_step
        if self._step > self._start:
            self._add(cast(FitTask, pl_module).network)

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the average into the network, with BatchNorm's statistics of its own."""
        if not self._average:
            return
        task = cast(FitTask, pl_module)
        self._raw = {name: value.clone() for name, value in task.network.state_dict().items()}
        task.network.load_state_dict(self._average, strict=False)
        renew_batch_norm(task)

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Put the raw weights back."""
        if self._raw:
            cast(FitTask, pl_module).network.load_state_dict(self._raw)
            self._raw = {}

    def state_dict(self) -> dict[str, Any]:
        """Return the average, for a checkpoint."""
        return {"average": self._average, "count": self._count, "step": self._step}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take back what `state_dict` returned."""
        self._average = state_dict["average"]
        self._count, self._step = state_dict["count"], state_dict["step"]

    @torch.no_grad()
    def _add(self, network: nn.Module) -> None:
        self._count += 1
        share = 1 / self._count
        if self._config.average == "ema":
            # Early on the average is short, so that the first weights do not linger in it.
            decay = min(self._config.ema_decay, self._count / (9 + self._count))
            share = 1 - decay if self._count > 1 else 1.0
        for name, value in network.named_parameters():
            if not value.requires_grad:
                continue
            if name in self._average:
                self._average[name] = self._average[name].to(value.device)
                self._average[name].lerp_(value, share)
            else:
                self._average[name] = value.detach().clone()


@torch.no_grad()
def renew_batch_norm(task: FitTask) -> None:
    """Compute the running statistics of the network's learning BatchNorm layers anew.

    They become the plain mean over one pass of the training batches, in evaluation mode otherwise,
    as the network will be used: without dropout, noise or mixup.
    """
    layers = [
        layer
        for layer in task.network.modules()
        if isinstance(layer, _BatchNorm)
        and layer.track_running_stats
        and any(parameter.requires_grad for parameter in layer.parameters())
    ]
    if not layers:
        return
    modes = {module: module.training for module in task.network.modules()}
    task.network.eval()
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None
        layer.train()
    device = next(task.network.parameters()).device
    for batch in task.train_batches(0):
        task.objective(task.network, {name: value.to(device) for name, value in batch.items()})
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    for module, mode in modes.items():
        module.training = mode
