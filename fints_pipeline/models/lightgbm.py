"""LightGBM: boosted trees over the values of a window, as a baseline beside the networks.

Source: Ke et al., LightGBM: A Highly Efficient Gradient Boosting Decision Tree (NeurIPS 2017).
Not a network: in place of ``build`` it has ``fit`` and ``predict``. It is saved as LightGBM's own
text format, which loads back to the same predictions bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from fints_pipeline.base.errors import ConfigError, LakeError, SchemaError
from fints_pipeline.models._base import NetworkConfig, Task, read_config, write_config

if TYPE_CHECKING:
    from lightgbm import Booster

TASK: Task = "estimator"
Values = NDArray[np.floating[Any]]
FloatArray = NDArray[np.float64]


class LightgbmConfig(NetworkConfig):
    """Settings of the boosted trees.

    Attributes:
        objective: "regression" learns the mean (squared error), "classification" the probabilities
            of `classes`, "quantile" a model for each level of `quantiles` (pinball loss).
        classes: K, class numbers 0 … K − 1; training fills it in.
        quantiles: levels, rising.
        trees: boosting rounds, at most.
        patience: rounds without a better validation loss after which boosting stops; the best round
            is kept. Without validation data all rounds are run.
        leaves: of a tree, at most.
        learning_rate: weight of each new tree.
        leaf_samples: samples that a leaf holds, at least.
        features: share of the inputs that a tree may split on, drawn anew for each.
        samples: share of the samples that a tree is grown on, drawn anew for each.
        l2: penalty on leaf values.
        seed: of these draws.
        threads: LightGBM's; trees are the same for any number of them up to rounding.
    """

    mixes_channels: ClassVar[bool] = True

    objective: Literal["regression", "classification", "quantile"] = "regression"
    classes: int | None = Field(None, ge=2)
    quantiles: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = Field(
        (0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95), min_length=1
    )
    trees: int = Field(300, ge=1)
    patience: int = Field(30, ge=1)
    leaves: int = Field(15, ge=2)
    learning_rate: float = Field(0.05, gt=0)
    leaf_samples: int = Field(100, ge=1)
    features: float = Field(0.5, gt=0, le=1)
    samples: float = Field(0.7, gt=0, le=1)
    l2: float = Field(1.0, ge=0)
    seed: int = Field(0, ge=0)
    threads: int = Field(1, ge=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if list(self.quantiles) != sorted(set(self.quantiles)):
            raise ValueError(f"quantiles must rise, got {list(self.quantiles)}")
        return self

    def objectives(self) -> list[dict[str, Any]]:
        """Return LightGBM's parameters of each of the models, without what they share.

        Raises:
            ConfigError: the number of classes is not known.
        """
        if self.objective == "quantile":
            return [{"objective": "quantile", "alpha": level} for level in self.quantiles]
        if self.objective == "regression":
            return [{"objective": "regression"}]
        if self.classes is None:
            raise ConfigError(
                "the estimator's number of classes is not set",
                fix="set `classes`, or train on a label that names its classes",
            )
        return [{"objective": "multiclass", "num_class": self.classes}]

    def shared(self) -> dict[str, Any]:
        """Return LightGBM's parameters that all models share."""
        return {
            "num_leaves": self.leaves,
            "learning_rate": self.learning_rate,
            "min_data_in_leaf": self.leaf_samples,
            "feature_fraction": self.features,
            "bagging_fraction": self.samples,
            "bagging_freq": 1,
            "lambda_l2": self.l2,
            "seed": self.seed,
            "num_threads": self.threads,
            "deterministic": True,
            "force_row_wise": True,
            "verbosity": -1,
        }


@dataclass(frozen=True)
class Estimator:
    """Fitted trees: one model, or one a quantile level."""

    config: LightgbmConfig
    boosters: tuple[Booster, ...]

    @property
    def leaves(self) -> int:
        """The number of leaf values, over all trees: what was fitted."""
        text = "\n".join(booster.model_to_string() for booster in self.boosters)
        lines = (line for line in text.splitlines() if line.startswith("num_leaves="))
        return sum(int(line.partition("=")[2]) for line in lines)


def fit(
    config: NetworkConfig,
    x: Values,
    y: Values,
    validation: tuple[Values, Values] | None = None,
) -> Estimator:
    """Grow the trees.

    Args:
        config: a `LightgbmConfig`.
        x: (N, F) inputs; NaN is a value of its own.
        y: (N,) targets; class numbers 0 … K − 1 for a classification.
        validation: inputs and targets that tell when to stop.

    Raises:
        SchemaError: a target is missing or is no class number.
        ConfigError: the number of classes is not known.
    """
    import lightgbm

    if not isinstance(config, LightgbmConfig):
        raise TypeError(f"expected a LightgbmConfig, got {type(config).__name__}")
    objectives = config.objectives()
    for part in (y, *(validation[1:] if validation is not None else ())):
        _require_targets(config, part)
    boosters = []
    for objective in objectives:
        parameters = {**config.shared(), **objective}
        train = lightgbm.Dataset(np.asarray(x), np.asarray(y), params=parameters)
        against: list[lightgbm.Dataset] = []
        callbacks: list[Callable[..., Any]] = []
        if validation is not None and len(validation[1]):
            against = [train.create_valid(np.asarray(validation[0]), np.asarray(validation[1]))]
            callbacks = [lightgbm.early_stopping(config.patience, verbose=False)]
        grown = lightgbm.train(
            parameters, train, config.trees, valid_sets=against, callbacks=callbacks
        )
        best = grown.best_iteration if grown.best_iteration > 0 else None
        # What is kept is what the text holds, so that a fresh model and a loaded one are the same.
        text = grown.model_to_string(num_iteration=best)
        boosters.append(lightgbm.Booster(model_str=text))
    return Estimator(config, tuple(boosters))


def predict(model: Estimator, x: Values) -> FloatArray:
    """Return means (N,), probabilities (N, K), or quantiles (N, Q), none below a lower level's.

    Raises:
        SchemaError: ``x`` (N, F) has another number of columns than the trees were grown on.
    """
    expected = model.boosters[0].num_feature()
    if x.ndim != 2 or x.shape[1] != expected:
        raise SchemaError(f"the trees read {expected} columns, got an array of shape {x.shape}")
    parts = [np.asarray(booster.predict(x), dtype=np.float64) for booster in model.boosters]
    if model.config.objective == "quantile":
        return np.sort(np.stack(parts, axis=1), axis=1)
    return parts[0]


def save(model: Estimator, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and a text file a model into ``folder``."""
    write_config(config, folder)
    for path, booster in zip(_files(model.config, folder), model.boosters, strict=True):
        path.write_text(booster.model_to_string(), encoding="utf-8")


def load(folder: Path) -> Estimator:
    """Return the trees that `save` wrote; their predictions are the same bit for bit.

    Raises:
        LakeError: a file is missing or damaged.
    """
    import lightgbm

    config = read_config(folder, LightgbmConfig)
    boosters = []
    for path in _files(config, folder):
        try:
            boosters.append(lightgbm.Booster(model_str=path.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError, lightgbm.basic.LightGBMError) as error:
            raise LakeError(f"the trees cannot be read: {error}", where=str(path)) from None
    return Estimator(config, tuple(boosters))


def _files(config: LightgbmConfig, folder: Path) -> list[Path]:
    if config.objective != "quantile":
        return [folder / "model.txt"]
    return [folder / f"model-{level:g}.txt" for level in config.quantiles]


def _require_targets(config: LightgbmConfig, y: Values) -> None:
    if not np.isfinite(y).all():
        raise SchemaError("a target is missing or infinite; leave such samples out")
    if config.objective == "classification" and config.classes is not None:
        wrong = (y < 0) | (y >= config.classes) | (y != np.round(y))
        if wrong.any():
            raise SchemaError(
                f"target {y[wrong][0]:g} is no class number",
                fix=f"number the classes 0 … {config.classes - 1}",
            )
