"""Hugging Face's TimeSeriesTransformer: an encoder-decoder that draws paths step by step.

Source: ``transformers.TimeSeriesTransformerForPrediction``, after GluonTS' Transformer. It learns
the distribution of each step given the actual steps before it; a forecast is a set of drawn paths.
With the defaults, 24 steps and two calendar columns it has 119 747 parameters. Each channel is a
series of its own.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ClassVar, Self, cast

from pydantic import Field, model_validator

from fints_pipeline.models._base import (
    ExampleBatch,
    NetworkConfig,
    Task,
    load_torch,
    read_config,
    save_torch,
)
from fints_pipeline.models._heads import NegativeBinomialHead, NormalHead, StudentTHead
from fints_pipeline.models._time_series_settings import TimeSeriesSettings

if TYPE_CHECKING:
    from torch import nn

TASK: Task = "forecast"


class TimeSeriesTransformerConfig(TimeSeriesSettings, NetworkConfig):
    """Settings, beside those of encoder and decoder (`TimeSeriesSettings`).

    Attributes:
        head: the distribution of a step: student_t, normal, or negative_binomial for counts.
        paths: S, drawn a window.
    """

    samples_paths: ClassVar[bool] = True

    head: Annotated[
        StudentTHead | NormalHead | NegativeBinomialHead, Field(discriminator="kind")
    ] = StudentTHead()
    paths: int = Field(100, ge=1)

    @model_validator(mode="after")
    def _counts_are_not_shifted(self) -> Self:
        if isinstance(self.head, NegativeBinomialHead) and self.scaling == "std":
            raise ValueError("the negative binomial cannot be shifted: set scaling mean or none")
        return self


def build(config: NetworkConfig) -> nn.Module:
    """Return the network with fresh weights.

    It maps past (B, L, C), with past_time and future_time (B, L | H, K') and instrument (B,) where
    configured, to distributions (B, H, C, K): given ``future`` (B, H, C) those of each step after
    the actual ones before it, without it after the expected ones. ``sample`` draws paths
    (S, B, H, C).
    """
    from fints_pipeline.models._time_series_network import SampledTransformer

    return SampledTransformer(cast(TimeSeriesTransformerConfig, config))


def example_batch() -> ExampleBatch:
    """Return a tiny config and four windows of two channels."""
    return _example(TimeSeriesTransformerConfig(**_TINY))


def more_examples() -> list[ExampleBatch]:
    """Return examples of the other heads; the count head's channels hold counts."""
    normal = TimeSeriesTransformerConfig(**_TINY, head=NormalHead(), scaling="std")
    counts = TimeSeriesTransformerConfig(**_TINY, head=NegativeBinomialHead())
    return [_example(normal), _example(counts)]


_TINY: dict[str, int | tuple[int, ...]] = {
    "lookback": 10,
    "horizon": 3,
    "lags": (1, 2, 4),
    "width": 8,
    "feed_forward": 8,
    "layers": 1,
    "time_columns": 2,
    "instruments": 3,
}


def _example(config: TimeSeriesTransformerConfig) -> ExampleBatch:
    import torch

    generator = torch.Generator().manual_seed(0)
    series_BTC = torch.randn(4, 13, 2, generator=generator)
    if isinstance(config.head, NegativeBinomialHead):
        series_BTC = (3 * series_BTC.abs()).round()
    time_BTK = torch.rand(4, 13, 2, generator=generator) - 0.5
    inputs = {
        "past": series_BTC[:, :10],
        "past_time": time_BTK[:, :10],
        "future_time": time_BTK[:, 10:],
        "instrument": torch.tensor([0, 2, 1, 0]),
        "future": series_BTC[:, 10:],
    }
    return ExampleBatch(config, inputs, padding={})


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``."""
    save_torch(network, config, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    return load_torch(build(read_config(folder, TimeSeriesTransformerConfig)), folder)
