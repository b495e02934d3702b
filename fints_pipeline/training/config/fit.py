"""How a network is fitted: steps, optimiser, schedule, regularisation, early stopping."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config
from fints_pipeline.walkforward.costs import CostModel


class OptimiserConfig(Config):
    """The optimiser; its highest rate and weight decay stand in `FitConfig`.

    Attributes:
        kind: "adamw" decays weights apart from the gradient, "adam" and "sgd" within it.
        betas: Adam's decay rates of the gradient's first and second moment.
        momentum: of "sgd".
    """

    kind: Literal["adamw", "adam", "sgd"] = "adamw"
    betas: tuple[float, float] = (0.9, 0.999)
    momentum: float = Field(0.9, ge=0, lt=1)


class ScheduleConfig(Config):
    """How the learning rate moves over the steps of a fit.

    Attributes:
        kind: "cosine" warms up linearly for `FitConfig.warmup` of the steps and falls along a half
            cosine; "constant" warms up and stays; "epoch_decay" multiplies by `factor` once an
            epoch, after `hold` epochs; "one_cycle" rises for `warmup` of the steps from a 25th of
            the rate along a half cosine and falls to a 250 000th of it.
        factor: of "epoch_decay".
        hold: epochs at the full rate before "epoch_decay" begins.
    """

    kind: Literal["cosine", "constant", "epoch_decay", "one_cycle"] = "cosine"
    factor: float = Field(0.9, gt=0, le=1)
    hold: int = Field(1, ge=1)


class RegularisationConfig(Config):
    """What keeps a fit from following the noise; dropout is the network's own setting.

    Attributes:
        feature_noise: standard deviation of normal noise on the inputs, in scaled units, drawn
            anew for each training sample; the targets stay as they are.
        mixup: a of λ ~ Beta(a, a): inputs are blended with those of another sample of the same
            instrument and batch, and the loss with its; 0 is off.
        average: which weights are kept: "none" the last step's, "ema" an exponential average,
            "swa" the mean of the steps from `swa_start` of the fit on. Validation scores the
            average, with BatchNorm's statistics recomputed for it.
        ema_decay: share of the average that each step keeps.
        swa_start: share of the steps after which "swa" begins.
    """

    feature_noise: float = Field(0.0, ge=0)
    mixup: float = Field(0.0, ge=0)
    average: Literal["none", "ema", "swa"] = "none"
    ema_decay: float = Field(0.999, gt=0, lt=1)
    swa_start: float = Field(0.75, ge=0, lt=1)


class StopConfig(Config):
    """What early stopping looks at.

    Attributes:
        on: "loss" on the early-stopping samples, or "sharpe": the validation span traded through
            the backtest engine, each instrument held at the forecast's sign for one bar.
        costs: per side, paid by the trades of "sharpe".
    """

    on: Literal["loss", "sharpe"] = "loss"
    costs: CostModel = CostModel()


class FitConfig(Config):
    """How a network is fitted.

    Attributes:
        epochs: passes over the samples, at most; 0 leaves the weights as they were drawn.
        batch_size: samples a step, over all processes.
        accumulate: batches whose gradients are added up before the optimiser steps.
        learning_rate: the optimiser's highest rate.
        warmup: share of the steps that warm up.
        weight_decay: the optimiser's.
        optimiser: see `OptimiserConfig`.
        schedule: see `ScheduleConfig`.
        regularisation: see `RegularisationConfig`.
        stop: see `StopConfig`.
        patience: epochs without a better early-stopping score after which the fit ends; the best
            epoch's weights are kept either way.
        stride: bars from one training sample to the next. Neighbouring windows overlap; a stride
            above 1 thins them out.
        gradient_clip: largest norm of the gradient.
        max_seconds: end the fit after the epoch in which this much time has passed. What it gives
            then depends on the machine's speed, so it is off unless set.
        checkpoint_every: optimiser steps between checkpoints within an epoch; None keeps one at
            the end of each epoch alone.
    """

    epochs: int = Field(10, ge=0)
    batch_size: int = Field(64, ge=1)
    accumulate: int = Field(1, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    optimiser: OptimiserConfig = OptimiserConfig()
    schedule: ScheduleConfig = ScheduleConfig()
    regularisation: RegularisationConfig = RegularisationConfig()
    stop: StopConfig = StopConfig()
    patience: int = Field(3, ge=1)
    stride: int = Field(1, ge=1)
    gradient_clip: float = Field(1.0, gt=0)
    max_seconds: float | None = Field(None, gt=0)
    checkpoint_every: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _one_cycle_rises(self) -> Self:
        if self.schedule.kind == "one_cycle" and self.warmup == 0:
            raise ValueError("one_cycle rises for a share of the steps: set warmup above 0")
        return self
