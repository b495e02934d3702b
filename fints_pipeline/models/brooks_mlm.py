"""Masked language model over Brooks tokens: BERT on the flat core5 vocabulary.

Source: Devlin et al., BERT (2019), through Hugging Face's ``AutoModelForMaskedLM``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, cast

from pydantic import model_validator

from fints_pipeline.models._base import ExampleBatch, NetworkConfig, Task
from fints_pipeline.models._bert import (
    PAD_ID,
    BertSettings,
    bert_config,
    load_hugging_face,
    save_hugging_face,
    token_batch,
)

if TYPE_CHECKING:
    from torch import nn


TASK: Task = "masked_tokens"


class BrooksMlmConfig(BertSettings, NetworkConfig):
    """Settings of the masked language model; see `BertSettings`."""

    @model_validator(mode="after")
    def _is_flat(self) -> Self:
        if self.factorised:
            raise ValueError("brooks_mlm is flat; factorised tokens need brooks_factorised_mlm")
        return self


def build(config: NetworkConfig) -> nn.Module:
    """Return a ``BertForMaskedLM`` with fresh weights.

    It maps ``input_ids`` and ``attention_mask`` (B, L) to an output whose ``logits`` are (B, L, V).
    With M = max_length, W = feed_forward and N layers it has
    D(V + M + 3) + N(4D² + 2DW + 9D + W) + D² + 3D + V parameters.
    """
    from transformers import AutoModelForMaskedLM

    settings = bert_config(cast(BrooksMlmConfig, config))
    return cast("nn.Module", cast(Any, AutoModelForMaskedLM).from_config(settings))


def example_batch() -> ExampleBatch:
    """Return a tiny config and four sequences, two of them padded."""
    config = BrooksMlmConfig(
        vocabulary_size=20, max_length=16, width=8, layers=2, heads=2, feed_forward=16
    )
    padding = {"input_ids": PAD_ID, "attention_mask": 0}
    return ExampleBatch(config, token_batch(config), padding)


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``; Hugging Face's loaders read them."""
    save_hugging_face(network, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    from transformers import AutoModelForMaskedLM

    return load_hugging_face(AutoModelForMaskedLM, folder)
