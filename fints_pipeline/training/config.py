"""ExperimentConfig: one YAML file, one experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from fints_pipeline.base.config import Config, fingerprint, load_config
from fints_pipeline.base.errors import ConfigError, nearest
from fints_pipeline.base.time import minutes
from fints_pipeline.models.brooks_classifier import BrooksClassifierConfig
from fints_pipeline.models.brooks_mlm import BrooksMlmConfig
from fints_pipeline.models.patchtst import PatchTSTConfig
from fints_pipeline.walkforward.folds import Fold, FoldScheme

MODEL_NAMES = ("mlm", "classifier", "patchtst")


def _frequency(value: str) -> str:
    try:
        minutes(value)
    except ConfigError as error:
        raise ValueError(f"{error.what}; {error.fix}") from None
    return value


class DataConfig(Config):
    """Which tables of the lake an experiment reads.

    Attributes:
        instruments: as the lake names them, ``dataset.SYMBOL``.
        frequency: of the bars, for example ``5m``.
        features: columns of the features table.
        label: column of the labels table with the forward log return.
        direction_label: column of the labels table with −1 down, 0 flat, +1 up.
    """

    instruments: tuple[str, ...] = Field(min_length=1)
    frequency: Annotated[str, AfterValidator(_frequency)]
    features: tuple[str, ...] = Field(min_length=1)
    label: str
    direction_label: str


class FitConfig(Config):
    """How a network is fitted.

    Attributes:
        epochs: passes over the samples, at most.
        batch_size: samples a step.
        learning_rate: AdamW's highest rate; it warms up linearly and falls along a half cosine.
        warmup: share of the steps that warm up.
        weight_decay: AdamW's.
        patience: epochs without a better early-stopping loss after which the fit ends; the best
            epoch's weights are kept either way.
        stride: bars from one training sample to the next. Neighbouring windows overlap; a stride
            above 1 thins them out.
        gradient_clip: largest norm of the gradient.
        max_seconds: end the fit after the epoch in which this much time has passed. What it gives
            then depends on the machine's speed, so it is off unless set.
    """

    epochs: int = Field(10, ge=1)
    batch_size: int = Field(64, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    warmup: float = Field(0.1, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    patience: int = Field(3, ge=1)
    stride: int = Field(1, ge=1)
    gradient_clip: float = Field(1.0, gt=0)
    max_seconds: float | None = Field(None, gt=0)


class MlmModel(Config):
    """The masked language model over Brooks tokens.

    Attributes:
        masked: share of positions to guess; at least one in each sequence.
        holdout: share of the training sessions, the last ones, kept for early stopping, so that
            pretraining sees nothing after the training span.
    """

    network: BrooksMlmConfig = BrooksMlmConfig()
    fit: FitConfig = FitConfig()
    masked: float = Field(0.15, gt=0, lt=1)
    holdout: float = Field(0.1, gt=0, lt=0.5)


class ClassifierModel(Config):
    """The direction classifier that starts from the pretrained encoder.

    Attributes:
        lookback: L, tokens a sequence, the current bar's last; None fills the encoder's length.
        class_weights: weigh classes by the inverse of their training frequency.
    """

    network: BrooksClassifierConfig = BrooksClassifierConfig()
    fit: FitConfig = FitConfig()
    lookback: int | None = Field(None, ge=1)
    class_weights: bool = True


class PatchTSTModel(Config):
    """The forecaster of feature channels, of which the target's gives the expected return.

    Attributes:
        target: the channel with the log return from close to close.
        channels: columns among the experiment's features; None takes them all.
        auxiliary_weight: weight of the other channels' mean error beside the target's; 1 counts
            every channel alike as the paper does. Channels share the weights and nothing else, so
            at 0 they are left out of the computation.
        center_target: subtract the target's training mean. A mean return is mostly sampling error
            and would come back as a constant bet, so it stays in unless asked for.
        scaler: how channels are brought to one scale: "standard" by mean and standard deviation,
            "robust" by median and quartiles, "quantile_normal" by rank.
        clip: limit scaled values to this many standard deviations.
    """

    network: PatchTSTConfig = PatchTSTConfig()
    fit: FitConfig = FitConfig()
    target: str = "log_return"
    channels: tuple[str, ...] | None = None
    auxiliary_weight: float = Field(0.0, ge=0, le=1)
    center_target: bool = False
    scaler: Literal["standard", "robust", "quantile_normal"] = "standard"
    clip: float = Field(8.0, gt=0)


class ModelsConfig(Config):
    """The models of an experiment; one that is left out is not trained."""

    mlm: MlmModel | None = None
    classifier: ClassifierModel | None = None
    patchtst: PatchTSTModel | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.classifier is not None and self.mlm is None:
            raise ValueError("classifier starts from the pretrained encoder: add `mlm`")
        if not self.names:
            raise ValueError(f"name at least one of {', '.join(MODEL_NAMES)}")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the models there are, in the order of training."""
        return tuple(name for name in MODEL_NAMES if getattr(self, name) is not None)


class ExperimentConfig(Config):
    """An experiment: data, folds and models; its name is its file's.

    Attributes:
        seed: of weights, sample order, masking and dropout.
        threads: torch's; results repeat bit for bit at one number of threads on one machine.
        accelerator: "auto" takes a CUDA device where there is one.
    """

    experiment: str = Field(pattern=r"^[A-Za-z0-9_-]+$")
    description: str = ""
    data: DataConfig
    folds: FoldScheme
    models: ModelsConfig
    seed: int = Field(0, ge=0)
    threads: int = Field(2, ge=1)
    accelerator: Literal["auto", "cpu", "gpu"] = "auto"

    @model_validator(mode="after")
    def _channels_are_features(self) -> Self:
        model = self.models.patchtst
        if model is None:
            return self
        wanted = model.channels if model.channels is not None else self.data.features
        for name in wanted:
            if name not in self.data.features:
                raise ValueError(
                    f"models.patchtst.channels: {name!r} is not in data.features; "
                    + nearest(name, self.data.features)
                )
        if model.target not in wanted:
            raise ValueError(
                f"models.patchtst.target {model.target!r} is not a channel; "
                + nearest(model.target, wanted)
            )
        return self

    @property
    def fingerprint(self) -> str:
        """Names what is trained, on what; the description does not enter."""
        return fingerprint(self.model_dump(mode="json", exclude={"description"}))

    def model_fingerprint(self, stage: str, fold: Fold) -> str:
        """Name everything in the config that a stage's output for a fold depends on.

        Args:
            stage: "vocabulary", "mlm", "classifier", "patchtst" or "predictions".
            fold: its spans.
        """
        columns, models = _DEPENDENCIES[stage]
        data = {name: getattr(self.data, name) for name in ("instruments", "frequency", *columns)}
        settings = {name: getattr(self.models, name) for name in models}
        run = [self.experiment, self.seed, self.threads, self.accelerator, fold.to_json()]
        return fingerprint([data, settings, *run])


# By stage: the keys of `data` (beside instruments and frequency) and the models that matter to it.
_DEPENDENCIES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "vocabulary": ((), ()),
    "mlm": ((), ("mlm",)),
    "classifier": (("direction_label",), ("mlm", "classifier")),
    "patchtst": (("features", "label"), ("patchtst",)),
    "predictions": (("features", "label", "direction_label"), MODEL_NAMES),
}


def load_experiment(path: Path | str) -> ExperimentConfig:
    """Load an experiment's YAML (or JSON) file.

    Raises:
        ConfigError: a key or value is wrong, or the experiment is not named like its file.
    """
    config = load_config(path, ExperimentConfig)
    stem = Path(path).stem
    if config.experiment != stem:
        raise ConfigError(
            f"key `experiment` is {config.experiment!r}, the file is named {stem!r}",
            where=str(path),
            fix="give both the same name: results are filed under it",
        )
    return config
