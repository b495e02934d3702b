"""Masked language model over Brooks tokens: BERT on the flat core5 vocabulary.

Source: Devlin et al., BERT (2019), through Hugging Face's ``AutoModelForMaskedLM``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

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


def build(config: NetworkConfig) -> nn.Module:
    """Return a ``BertForMaskedLM`` with fresh weights.

    It maps ``input_ids`` and ``attention_mask`` (B, L) to an output whose ``logits`` are (B, L, V).
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
    return ExampleBatch(config, token_batch(20), padding)


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``; Hugging Face's loaders read them."""
    save_hugging_face(network, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    from transformers import AutoModelForMaskedLM

    return load_hugging_face(AutoModelForMaskedLM, folder)
