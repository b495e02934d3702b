"""Sequence classifier over Brooks tokens: the pretrained BERT with a fresh classification head.

Source: Devlin et al., BERT (2019), through Hugging Face's ``AutoModelForSequenceClassification``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from pydantic import Field

from fints_pipeline.base.errors import ConfigError
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

TASK: Task = "classify_tokens"
DIRECTIONS = ("down", "flat", "up")  # class 0, 1, 2


class BrooksClassifierConfig(NetworkConfig):
    """Settings of the classifier.

    Attributes:
        encoder: size of the encoder; training takes the pretrained network's, so config files
            leave it out.
        head_dropout: share of the pooled `<cls>` state dropped before the last layer.
    """

    encoder: BertSettings | None = None
    head_dropout: float = Field(0.1, ge=0, lt=1)

    def hugging_face(self) -> dict[str, Any]:
        """Return the classification head's part of Hugging Face's config."""
        return {
            "id2label": dict(enumerate(DIRECTIONS)),
            "label2id": {name: i for i, name in enumerate(DIRECTIONS)},
            "classifier_dropout": self.head_dropout,
        }


def build(config: NetworkConfig) -> nn.Module:
    """Return a ``BertForSequenceClassification`` with fresh weights, nothing pretrained.

    It maps ``input_ids`` and ``attention_mask`` (B, L) to an output whose ``logits`` are (B, 3).
    """
    from transformers import AutoModelForSequenceClassification

    settings = cast(BrooksClassifierConfig, config)
    if settings.encoder is None:
        raise ConfigError(
            "the classifier's encoder is not set",
            fix="pretrain the masked language model first; its encoder is taken over",
        )
    full = bert_config(settings.encoder, **settings.hugging_face())
    return cast("nn.Module", cast(Any, AutoModelForSequenceClassification).from_config(full))


def build_from_pretrained(config: BrooksClassifierConfig, folder: Path) -> nn.Module:
    """Return a classifier with the encoder weights in ``folder`` and a fresh head.

    Args:
        config: the classifier's settings.
        folder: what `fints_pipeline.models.brooks_mlm.save` wrote.

    Raises:
        LakeError: the folder holds no such network.
    """
    from transformers import AutoModelForSequenceClassification

    return load_hugging_face(AutoModelForSequenceClassification, folder, **config.hugging_face())


def example_batch() -> ExampleBatch:
    """Return a tiny config and four sequences, two of them padded."""
    encoder = BertSettings(
        vocabulary_size=20, max_length=16, width=8, layers=2, heads=2, feed_forward=16
    )
    padding = {"input_ids": PAD_ID, "attention_mask": 0}
    return ExampleBatch(BrooksClassifierConfig(encoder=encoder), token_batch(20), padding)


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``; Hugging Face's loaders read them."""
    save_hugging_face(network, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    from transformers import AutoModelForSequenceClassification

    return load_hugging_face(AutoModelForSequenceClassification, folder)
