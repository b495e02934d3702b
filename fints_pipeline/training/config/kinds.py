"""The kinds of models, one for each TASK that a network may have."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal, Self

from pydantic import Field, model_validator

from fints_pipeline.base.components import ComponentOf
from fints_pipeline.training.config.model import ModelConfig
from fints_pipeline.training.losses import PACKAGE as LOSSES
from fints_pipeline.training.losses import ClassLoss, ForecastLoss
from fints_pipeline.training.losses.cross_entropy import CrossEntropy

if TYPE_CHECKING:
    ForecastLossField = ForecastLoss
    ClassLossField = ClassLoss
else:
    ForecastLossField = ComponentOf(LOSSES, ForecastLoss)
    ClassLossField = ComponentOf(LOSSES, ClassLoss)

ScalerName = Literal["standard", "robust", "quantile_normal"]


class ChannelModel(ModelConfig):
    """Reads feature channels, brought to one scale.

    Attributes:
        channels: columns among the experiment's features; None takes them all.
        scaler: how channels are brought to one scale: "standard" by mean and standard deviation,
            "robust" by median and quartiles, "quantile_normal" by rank.
        clip: limit scaled values to this many standard deviations.
    """

    channels: tuple[str, ...] | None = None
    scaler: ScalerName = "standard"
    clip: float = Field(8.0, gt=0)


class TargetModel(ChannelModel):
    """Forecasts feature channels, of which the target's gives the expected return.

    Attributes:
        target: the channel with the log return from close to close.
        auxiliary_weight: weight of the other channels' mean error beside the target's; 1 counts
            every channel alike as PatchTST's paper does. At 0 the other channels are inputs alone,
            and left out of the computation where the network's channels do not see each other.
        center_target: subtract the target's training mean. A mean return is mostly sampling error
            and would come back as a constant bet, so it stays in unless asked for.
        cumulative: learn the sums of the next 1 … H returns rather than the returns, so that a
            quantile at step h is one of the return over h bars. A head with a distribution needs
            it, unless its network samples paths.
        loss: of the forecast in scaled units; None takes the head's own, squared error for a point.
        predict_every: bars from one predicted bar to the next, counted from each session's first.
            Where a backtest decides every so many bars (its `hold`), the ones between are never
            traded, and forecasts that are drawn path by path take their time.
    """

    target: str = "log_return"
    auxiliary_weight: float = Field(0.0, ge=0, le=1)
    center_target: bool = False
    cumulative: bool = False
    loss: ForecastLossField | None = None
    predict_every: int = Field(1, ge=1)

    def data_columns(self) -> tuple[str, ...]:
        """Return the keys of `DataConfig` that matter: features and label."""
        return ("features", "label")

    def computed_channels(self, features: tuple[str, ...]) -> tuple[str, ...]:
        """Return the channels that the network computes, in order."""
        if self.auxiliary_weight == 0 and not self.network.mixes_channels:
            return (self.target,)
        return self.channels if self.channels is not None else features

    @model_validator(mode="after")
    def _consecutive_bars(self) -> Self:
        if self.loss is None or not self.loss.contiguous or self.kind != ForecastModel.kind:
            return self
        if self.fit.stride != 1 or self.fit.regularisation.mixup:
            raise ValueError(
                f"the {self.loss.name} loss needs consecutive bars: set fit.stride to 1, mixup to 0"
            )
        if self.network.samples_paths:
            raise ValueError(f"the {self.loss.name} loss needs a forecast that is not drawn")
        return self

    @model_validator(mode="after")
    def _a_distribution_of_the_label(self) -> Self:
        head = getattr(self.network, "head", None)
        if head is None or head.kind == "point":
            return self
        if not self.cumulative and not self.network.samples_paths:
            raise ValueError(
                f"the {head.kind} head says nothing of the return over several bars: set "
                "`cumulative: true`"
            )
        if self.loss is not None and self.loss.name != "sharpe":
            raise ValueError(f"the {head.kind} head has a loss of its own: leave `loss` out")
        return self


class ForecastModel(TargetModel):
    """A forecaster of the next H bars."""

    kind: ClassVar[str] = "forecast"


class MaskedPatchesModel(ChannelModel):
    """Self-supervised pretraining: patches of feature channels are hidden and filled in.

    Attributes:
        masked: share of the patches to fill in.
        holdout: share of the training sessions, the last ones, kept for early stopping, so that
            pretraining sees nothing after the training span.
        uncentred: channels of which 0 stays 0, as the forecaster that starts from here has its
            target.
    """

    kind: ClassVar[str] = "masked_patches"
    predicts: ClassVar[bool] = False

    uncentred: tuple[str, ...] = ("log_return",)

    masked: float = Field(0.4, gt=0, lt=1)
    holdout: float = Field(0.1, gt=0, lt=0.5)

    def data_columns(self) -> tuple[str, ...]:
        """Return the keys of `DataConfig` that matter: features."""
        return ("features",)


class MaskedTokensModel(ModelConfig):
    """A masked language model over tokens.

    Attributes:
        masked: share of positions to guess; at least one in each sequence.
        holdout: share of the training sessions, the last ones, kept for early stopping, so that
            pretraining sees nothing after the training span.
        sequences: "windows" of the longest length, or "sessions": none crosses a session's end,
            and batches are made of sequences of about one length, padded to their longest.
        buckets: lengths that "sessions" are sorted into before they are batched.
    """

    kind: ClassVar[str] = "masked_tokens"
    reads_tokens: ClassVar[bool] = True
    predicts: ClassVar[bool] = False

    masked: float = Field(0.15, gt=0, lt=1)
    holdout: float = Field(0.1, gt=0, lt=0.5)
    sequences: Literal["windows", "sessions"] = "windows"
    buckets: int = Field(8, ge=1)


class LabelledTokensModel(ModelConfig):
    """Classifies tokens.

    Attributes:
        lookback: L, tokens a sequence, the current bar's last; None fills the encoder's length.
        label: column of the labels table with whole numbers, such as a direction, a volatility
            bucket or a regime; None takes the experiment's `direction_label`. Only a direction's
            probabilities go into the predictions table.
        class_weights: weigh classes by the inverse of their training frequency.
        loss: of the class probabilities.
    """

    reads_tokens: ClassVar[bool] = True

    lookback: int | None = Field(None, ge=1)
    label: str | None = None
    class_weights: bool = True
    loss: ClassLossField = CrossEntropy()

    def data_columns(self) -> tuple[str, ...]:
        """Return the keys of `DataConfig` that matter: the direction, unless another is named."""
        return ("direction_label",) if self.label is None else ()


class ClassifyTokensModel(LabelledTokensModel):
    """Classifies the last bar of a sequence of tokens."""

    kind: ClassVar[str] = "classify_tokens"


class TagTokensModel(LabelledTokensModel):
    """Classifies every bar of a sequence of tokens; its last bar's class is the prediction.

    A CRF scores whole sequences, which classes cannot be weighted in: it is fitted by its own
    likelihood, without `class_weights` or another `loss`.
    """

    kind: ClassVar[str] = "tag_tokens"

    class_weights: bool = False

    @model_validator(mode="after")
    def _a_crf_has_its_own_loss(self) -> Self:
        if getattr(self.network, "crf", False) and (
            self.class_weights or self.loss != CrossEntropy()
        ):
            raise ValueError("a CRF is fitted by its likelihood: leave class_weights and loss out")
        return self


class FusionModel(TargetModel):
    """Reads feature channels and tokens on one time line, and text where there is any.

    It forecasts the target, or classifies where `label` is set.

    Attributes:
        label: column of the labels table with whole numbers; None forecasts.
        class_weights: weigh classes by the inverse of their training frequency.
        class_loss: of the class probabilities.
        text: an encoder of which the lake has embedded news (`python -m fints_pipeline.embed`
            prints its name); None leaves the text tower without input.
        text_source: the source of news (configs/news) whose items about an instrument's symbol
            count; None for items that are filed under the instrument itself.
        text_lag: minutes that pass between a text's publication and its use.
    """

    kind: ClassVar[str] = "fusion"

    label: str | None = None
    class_weights: bool = True
    class_loss: ClassLossField = CrossEntropy()
    text: str | None = None
    text_source: str | None = None
    text_lag: int = Field(0, ge=0)

    @model_validator(mode="after")
    def _nothing_is_asked_that_fusion_cannot_do(self) -> Self:
        if self.fit.regularisation.mixup:
            raise ValueError("fusion reads tokens, which cannot be blended: leave mixup out")
        if self.loss is not None and self.loss.contiguous:
            raise ValueError(f"the {self.loss.name} loss is for forecasters: leave it out")
        if self.text is not None and getattr(self.network, "text", None) is None:
            raise ValueError("`text` needs a text tower: add `network.text`")
        return self

    def subject_of(self, instrument: str) -> str:
        """Return what the news about an instrument is filed under."""
        if self.text_source is None:
            return instrument
        return f"{self.text_source}.{instrument.partition('.')[2]}"

    @property
    def reads_tokens(self) -> bool:  # type: ignore[override]
        """Whether it has a token tower."""
        return "tokens" in self.parents or getattr(self.network, "tokens", None) is not None


class EstimatorModel(ChannelModel):
    """A library's estimator on the rows of a window, such as gradient boosting.

    Attributes:
        target: the channel with the log return from close to close.
        lookback: L, bars whose channels make up a sample.
    """

    kind: ClassVar[str] = "estimator"

    target: str = "log_return"
    lookback: int = Field(16, ge=1)

    def data_columns(self) -> tuple[str, ...]:
        """Return the keys of `DataConfig` that matter."""
        return ("features", "label", "direction_label")


AnyModel = (
    ForecastModel
    | MaskedPatchesModel
    | MaskedTokensModel
    | ClassifyTokensModel
    | TagTokensModel
    | FusionModel
    | EstimatorModel
)
KINDS: dict[str, type[AnyModel]] = {
    model.kind: model
    for model in (
        ForecastModel,
        MaskedPatchesModel,
        MaskedTokensModel,
        ClassifyTokensModel,
        TagTokensModel,
        FusionModel,
        EstimatorModel,
    )
}
