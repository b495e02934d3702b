"""Settings of an encoder of patches, which PatchTST and the networks built on it share."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config


class PatchSettings(Config):
    """How windows are cut into patches, and the encoder's size; lengths in steps (bars).

    Attributes:
        lookback: L, steps that the network sees.
        patch: P, steps in a patch.
        stride: S, steps from patch to patch; the end is padded by S copies of the last step.
        width: d, the encoder's width.
        heads: attention heads; they share the width.
        feed_forward: width of the encoder's feed-forward layers.
        layers: encoder layers.
        dropout: share of activations dropped after the embedding and in each layer.
        instance_norm: "standard" takes each window's mean and scale out and puts them back into
            the forecast (RevIN, as in the paper). "scale" does so for the scale alone: where the
            mean of past values says next to nothing of the next ones, as with returns, putting it
            back would add its sampling error to every forecast. "none" leaves windows as they are.
        affine: learn a scale and shift a channel within the instance normalisation.
        channels: C, needed for `affine` alone.
        residual_attention: add each layer's attention scores to the next one's, as the reference
            code does. Off, attention is torch's fused kernel, or, for short windows on a CPU,
            three products that are faster there.
    """

    lookback: int = Field(336, ge=2)
    patch: int = Field(16, ge=1)
    stride: int = Field(8, ge=1)
    width: int = Field(16, ge=1)
    heads: int = Field(4, ge=1)
    feed_forward: int = Field(128, ge=1)
    layers: int = Field(3, ge=1)
    dropout: float = Field(0.3, ge=0, lt=1)
    instance_norm: Literal["standard", "scale", "none"] = "standard"
    affine: bool = False
    channels: int | None = Field(None, ge=1)
    residual_attention: bool = False

    @property
    def patches(self) -> int:
        """N, patches in a window, the one that reaches into the end padding included."""
        return (self.lookback + self.stride - self.patch) // self.stride + 1

    @model_validator(mode="after")
    def _patches_fit(self) -> Self:
        if self.patch > self.lookback:
            raise ValueError(f"patch {self.patch} is longer than lookback {self.lookback}")
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.affine and (self.channels is None or self.instance_norm == "none"):
            raise ValueError("affine needs `channels` and an instance_norm other than none")
        return self
