"""What to explain and at what cost: `ExplainConfig`, one YAML file under configs/explain/."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config, load_config, named_like_its_file

CODE_VERSION = "2"
"""Of the explanations."""


class Gradients(Config):
    """Integrated gradients.

    Attributes:
        steps: points of the path from the baseline to the window, at first; doubled until the
            attributions of every window sum to what they explain.
        most_steps: where doubling stops; what is still off then is recorded as not passed.
        tolerance: largest gap between a window's sum and f(window) − f(baseline), as a share of
            the mean absolute difference over the windows.
        tokens: what tokens are compared with: "usual", the most frequent of the training span (each
            field's own where they are kept apart), or "mask", the id that pretraining hides tokens
            behind. Numbers are compared with their training mean.
    """

    steps: int = Field(16, ge=2)
    most_steps: int = Field(128, ge=2)
    tolerance: float = Field(0.05, gt=0)
    tokens: Literal["usual", "mask"] = "usual"

    @model_validator(mode="after")
    def _room_to_double(self) -> Self:
        if self.most_steps < self.steps:
            raise ValueError("`most_steps` is below `steps`")
        return self


class Permutation(Config):
    """Permutation importance.

    Attributes:
        windows: test windows a fold and model.
        repeats: permutations of each feature family and token field.
        slot: minutes; windows are exchanged with others of the same slot of their sessions.
    """

    windows: int = Field(384, ge=8)
    repeats: int = Field(5, ge=2)
    slot: int = Field(60, ge=1)


class Trades(Config):
    """Attribution of trades to tokens.

    Attributes:
        most: trades of a model that are attributed; more are sampled down to this.
        shuffles: how often their profits are shuffled for the null distribution.
        level: probability of the null's band.
    """

    most: int = Field(300, ge=1)
    shuffles: int = Field(1000, ge=100)
    level: float = Field(0.9, gt=0, lt=1)


class ExplainConfig(Config):
    """What to explain of one experiment.

    Attributes:
        experiment: name of the experiment; it has to be backtested.
        models: of the backtest; None takes all of them.
        windows: test windows a fold and model that gradients, trees and attention are read on.
        gradients: of networks.
        permutation: of every model.
        trades: of models that read tokens.
        attention: read the attention maps too.
        resamples: of the sessions, for the intervals.
        level: probability of the intervals.
        seed: of every draw.
    """

    experiment: str
    models: tuple[str, ...] | None = None
    windows: int = Field(64, ge=2)
    gradients: Gradients = Gradients()
    permutation: Permutation = Permutation()
    trades: Trades = Trades()
    attention: bool = True
    resamples: int = Field(200, ge=50)
    level: float = Field(0.9, gt=0, lt=1)
    seed: int = Field(0, ge=0)


def load_explain(path: Path | str) -> ExplainConfig:
    """Load a YAML (or JSON) file.

    Raises:
        ConfigError: a key or value is wrong, or the file is not named like its experiment.
    """
    config = load_config(path, ExplainConfig)
    named_like_its_file(config.experiment, path)
    return config
