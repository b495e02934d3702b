"""Settings that the two forms of Hugging Face's TimeSeriesTransformer share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config

if TYPE_CHECKING:
    from transformers import TimeSeriesTransformerConfig

SMALLEST_SCALE = 1e-4  # of a window of zeros, such as a halted market's, in the channel's units


class TimeSeriesSettings(Config):
    """Size and inputs of the encoder and the decoder; lengths in steps (bars).

    Attributes:
        lookback: L, steps that the network sees: the context of the encoder and the steps before it
            that its lags reach back to.
        horizon: H, steps that it forecasts.
        lags: values this many steps ago are inputs of each step.
        scaling: what a window is divided by: "mean", its mean absolute value (as in the original);
            "std", its standard deviation after its mean is taken out; or "none".
        width: d, of encoder and decoder.
        heads: attention heads; they share the width.
        feed_forward: width of the feed-forward layers.
        layers: of the encoder, and as many of the decoder.
        dropout: share of activations and attention weights dropped.
        time_columns: K', calendar columns a step; training fills it in.
        instruments: number of instruments, each of which has a learned vector where there are
            several; training fills it in.
    """

    lookback: int = Field(31, ge=2)
    horizon: int = Field(24, ge=1)
    lags: tuple[Annotated[int, Field(ge=1)], ...] = Field((1, 2, 3, 4, 5, 6, 7), min_length=1)
    scaling: Literal["mean", "std", "none"] = "mean"
    width: int = Field(64, ge=1)
    heads: int = Field(2, ge=1)
    feed_forward: int = Field(32, ge=1)
    layers: int = Field(2, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    time_columns: int | None = Field(None, ge=0)
    instruments: int | None = Field(None, ge=1)

    @property
    def context(self) -> int:
        """Steps that the encoder attends to."""
        return self.lookback - max(self.lags)

    @property
    def embeds_instruments(self) -> bool:
        """Whether instruments have a learned vector."""
        return self.instruments is not None and self.instruments > 1

    @model_validator(mode="after")
    def _lags_fit(self) -> Self:
        if self.context < 1:
            raise ValueError(
                f"lookback {self.lookback} leaves no context beside the largest lag "
                f"{max(self.lags)}; raise it"
            )
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        return self

    def hugging_face(self, distribution: str) -> TimeSeriesTransformerConfig:
        """Return Hugging Face's config."""
        from transformers import TimeSeriesTransformerConfig

        # Its scaler asks the config for a smallest scale that the config's signature does not name.
        extra: dict[str, Any] = {"minimum_scale": SMALLEST_SCALE}
        if self.embeds_instruments:
            extra |= {"num_static_categorical_features": 1, "cardinality": [self.instruments]}
        return TimeSeriesTransformerConfig(
            prediction_length=self.horizon,
            context_length=self.context,
            distribution_output=distribution,
            lags_sequence=list(self.lags),
            scaling=None if self.scaling == "none" else self.scaling,
            num_time_features=self.time_columns or 0,
            d_model=self.width,
            encoder_attention_heads=self.heads,
            decoder_attention_heads=self.heads,
            encoder_ffn_dim=self.feed_forward,
            decoder_ffn_dim=self.feed_forward,
            encoder_layers=self.layers,
            decoder_layers=self.layers,
            dropout=self.dropout,
            attention_dropout=self.dropout,
            activation_dropout=self.dropout,
            encoder_layerdrop=0.0,
            decoder_layerdrop=0.0,
            **extra,
        )
