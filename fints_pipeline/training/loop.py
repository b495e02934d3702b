"""One fit: Lightning's loop, early stopping, the best epoch's weights."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from lightning.pytorch import Callback, Trainer
from torch import nn

from fints_pipeline.models._base import parameter_count
from fints_pipeline.training.averaging import Averaging
from fints_pipeline.training.batches import Batch
from fints_pipeline.training.callbacks import EarlyStop, EpochLog
from fints_pipeline.training.checkpoint_io import AtomicCheckpointIO
from fints_pipeline.training.checkpointing import Checkpointing, CheckpointPlace
from fints_pipeline.training.companions import Seat, seated
from fints_pipeline.training.config import HardwareConfig
from fints_pipeline.training.fit_task import FitTask
from fints_pipeline.training.hardware import accelerator, precision
from fints_pipeline.training.objectives import Objective
from fints_pipeline.training.pooling import batch_norm_pooled
from fints_pipeline.training.record import FitRecord
from fints_pipeline.training.running_mean import RunningMean

OnMetrics = Callable[[Mapping[str, float], int], None]


@dataclass(frozen=True)
class FitReport:
    """How a fit went.

    Attributes:
        history: per epoch its number, train and early-stopping loss, and learning rate.
        best_epoch: the epoch, from 1, whose weights were kept; 0 where there was nothing to fit.
        best_loss: its early-stopping loss.
        steps: optimiser steps taken.
        stopped_by: "epochs", "patience", "max_seconds" or "nothing to fit".
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


def fit_network(
    task: FitTask,
    *,
    name: str,
    hardware: HardwareConfig,
    on_metrics: OnMetrics | None = None,
    place: CheckpointPlace | None = None,
) -> FitReport:
    """Fit a task's network in place and leave it on the CPU, in evaluation mode.

    Args:
        task: what to fit; call within `fints_pipeline.training.seeds.reproducible`.
        name: for the progress lines.
        hardware: device and precision.
        on_metrics: is given each epoch's metrics and the step.
        place: where to keep the fit while it runs; one that is found there goes on, and gives the
            weights that it would have given without the interruption.
    """
    if task.fit_config.epochs == 0 or not parameter_count(task.network):
        loss = mean_loss(task.network, task.objective, task.val_dataloader())
        return FitReport((), 0, loss, 0, "nothing to fit")
    accelerator(hardware)  # refuses what the machine lacks before other processes start
    with seated(hardware.processes, task.seed, _companion, task, name, hardware, place) as seat:
        trainer, stop, log = _fitted(task, name, hardware, on_metrics, place, seat)
    stop.restore(task.network)
    task.network.to("cpu").eval()
    return FitReport(
        tuple(log.history), stop.best_epoch, stop.best_loss, trainer.global_step, stop.reason
    )


def _companion(
    task: FitTask, name: str, hardware: HardwareConfig, place: CheckpointPlace | None, seat: Seat
) -> None:
    """Fit beside the leading process, without a word."""
    logging.getLogger("fints_pipeline").setLevel(logging.WARNING)
    _fitted(task, name, hardware, None, place, seat)


def _fitted(
    task: FitTask,
    name: str,
    hardware: HardwareConfig,
    on_metrics: OnMetrics | None,
    place: CheckpointPlace | None,
    seat: Seat,
) -> tuple[Trainer, EarlyStop, EpochLog]:
    """Run Lightning's loop on one of the seats; only the leader's writes anything."""
    task.seat = seat
    stop = EarlyStop(task.fit_config.patience, task.fit_config.max_seconds)
    log = EpochLog(name, stop, on_metrics)
    callbacks: list[Callback] = [stop]
    if task.fit_config.regularisation.average != "none":
        total = task.fit_config.epochs * task.train_batches(0).steps_per_epoch
        callbacks.append(Averaging(task.fit_config.regularisation, total))
    callbacks.append(log)
    if place is not None:
        callbacks.append(Checkpointing(place, task.fit_config.checkpoint_every))
    device = accelerator(hardware)
    with _quiet_lightning(), batch_norm_pooled(task.network):
        trainer = Trainer(
            accelerator=device,
            devices=seat.count,
            strategy=seat.strategy(device),
            use_distributed_sampler=False,
            precision=precision(hardware),
            max_epochs=task.fit_config.epochs,
            accumulate_grad_batches=task.fit_config.accumulate,
            gradient_clip_val=task.fit_config.gradient_clip,
            callbacks=callbacks,
            plugins=[AtomicCheckpointIO()],
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            reload_dataloaders_every_n_epochs=1,
        )
        task.begin()
        start = place.usable() if place is not None else None
        trainer.fit(task, ckpt_path=start)
    return trainer, stop, log


@torch.no_grad()
def mean_loss(network: nn.Module, objective: Objective, batches: Iterable[Batch]) -> float:
    """Return an objective's mean over all samples of ``batches``, in evaluation mode."""
    network.eval()
    mean = RunningMean()
    for batch in batches:
        mean.add(*objective(network, batch))
    return mean.take()


@contextmanager
def _quiet_lightning() -> Iterator[None]:
    """Mute Lightning's notes on devices and its tips: the progress lines say what matters."""
    rooms = ("utilities.rank_zero", "utilities.distributed")
    names = [f"lightning.{kind}.{room}" for kind in ("pytorch", "fabric") for room in rooms]
    loggers = [logging.getLogger(name) for name in (*names, "lightning.pytorch")]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.WARNING)
    try:
        with warnings.catch_warnings():
            # Lightning 2.6 asks torch 2.13 for a tree's leaves in a way that still works.
            warnings.filterwarnings("ignore", r"`isinstance\(treespec, LeafSpec\)`", FutureWarning)
            # Networks differ in whether a batch uses all of their parameters.
            warnings.filterwarnings("ignore", "find_unused_parameters=True was specified")
            # Frozen towers are meant to stay in evaluation mode.
            warnings.filterwarnings("ignore", r"Found \d+ module\(s\) in eval mode")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
