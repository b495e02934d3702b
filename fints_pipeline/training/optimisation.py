"""The optimiser and the learning rate's way over the steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn

from fints_pipeline.training.config import FitConfig

_RISE_FROM, _FALL_TO = 25.0, 1e4  # torch's OneCycleLR: a 25th at the start, 1e4 below that at last


def make_optimiser(parameters: Iterable[nn.Parameter], fit: FitConfig) -> torch.optim.Optimizer:
    """Return the configured optimiser of the parameters that learn."""
    learning: list[Tensor] = [one for one in parameters if one.requires_grad]
    kind, rate, decay = fit.optimiser.kind, fit.learning_rate, fit.weight_decay
    if kind == "sgd":
        return torch.optim.SGD(
            learning, lr=rate, weight_decay=decay, momentum=fit.optimiser.momentum
        )
    adam = torch.optim.AdamW if kind == "adamw" else torch.optim.Adam
    return adam(learning, lr=rate, weight_decay=decay, betas=fit.optimiser.betas)


def rate_factor(fit: FitConfig, steps_per_epoch: int) -> Callable[[int], float]:
    """Return what the highest rate is multiplied by at each optimiser step, from 0.

    Args:
        fit: schedule, warm-up and epochs.
        steps_per_epoch: optimiser steps.
    """
    total = fit.epochs * steps_per_epoch
    schedule = fit.schedule

    def factor(step: int) -> float:
        if schedule.kind == "one_cycle":
            return _one_cycle(step, total, fit.warmup)
        rising = fit.warmup * total
        if step < rising:
            return (step + 1) / (rising + 1)
        if schedule.kind == "constant":
            return 1.0
        if schedule.kind == "epoch_decay":
            past = step // steps_per_epoch - schedule.hold + 1
            return float(schedule.factor ** max(0, past))
        done = (step - rising) / max(1.0, total - rising)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, done)))

    return factor


def _one_cycle(step: int, total: int, rise: float) -> float:
    peak = rise * total - 1
    last = max(total - 1, peak + 1)
    low = 1 / _RISE_FROM
    if step <= peak:
        return _between(low, 1.0, step / max(1.0, peak))
    return _between(1.0, low / _FALL_TO, min(1.0, (step - peak) / (last - peak)))


def _between(start: float, end: float, done: float) -> float:
    return end + (start - end) / 2 * (math.cos(math.pi * done) + 1)
