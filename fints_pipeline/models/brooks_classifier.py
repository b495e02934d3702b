"""Sequence classifier over Brooks tokens: the pretrained BERT with a fresh classification head.

Any categorical label will do (direction, volatility, regime, …), and either form of tokens.

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
    Classes,
    bert_config,
    class_config,
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
        classes: (K) names of the label's classes; training takes them from the label.
        head_dropout: share of the pooled `<cls>` state dropped before the last layer.
    """

    encoder: BertSettings | None = None
    classes: Classes | None = None
    head_dropout: float = Field(0.1, ge=0, lt=1)

    @property
    def factorised(self) -> bool:
        """Whether a position holds one id a field."""
        return self.encoder is not None and self.encoder.factorised


def build(config: NetworkConfig) -> nn.Module:
    """Return a ``BertForSequenceClassification`` with fresh weights, nothing pretrained.

    It maps ``input_ids`` (B, L[, F]) and ``attention_mask`` (B, L) to an output whose ``logits``
    are (B, K). On an encoder of D(V + M + 3) + N(4D² + 2DW + 9D + W) parameters (letters as in
    `brooks_mlm`; V sums the fields) it puts a pooler of D² + D and K(D + 1).
    """
    from transformers import AutoModelForSequenceClassification

    settings = cast(BrooksClassifierConfig, config)
    if settings.encoder is None:
        raise ConfigError(
            "the classifier's encoder is not set",
            fix="pretrain the masked language model first; its encoder is taken over",
        )
    head = class_config(settings.classes, settings.head_dropout)
    full = bert_config(settings.encoder, **head)
    return cast("nn.Module", cast(Any, AutoModelForSequenceClassification).from_config(full))


def build_from_pretrained(config: NetworkConfig, folder: Path) -> nn.Module:
    """Return a classifier with the encoder weights in ``folder`` and a fresh head.

    Args:
        config: the classifier's settings; its `encoder` is not looked at.
        folder: what `save` of a masked language model wrote, flat or factorised.

    Raises:
        LakeError: the folder holds no such network.
        ConfigError: the classes are not set.
    """
    from transformers import AutoModelForSequenceClassification

    settings = cast(BrooksClassifierConfig, config)
    head = class_config(settings.classes, settings.head_dropout)
    return load_hugging_face(AutoModelForSequenceClassification, folder, **head)


def example_batch() -> ExampleBatch:
    """Return a tiny config and four sequences, two of them padded."""
    encoder = BertSettings(
        vocabulary_size=20, max_length=16, width=8, layers=2, heads=2, feed_forward=16
    )
    padding = {"input_ids": PAD_ID, "attention_mask": 0}
    config = BrooksClassifierConfig(encoder=encoder, classes=("down", "flat", "up"))
    return ExampleBatch(config, token_batch(encoder), padding)


def more_examples() -> list[ExampleBatch]:
    """Return the same over factorised tokens."""
    encoder = BertSettings(
        field_sizes=(9, 12, 7), max_length=16, width=8, layers=2, heads=2, feed_forward=16
    )
    config = BrooksClassifierConfig(encoder=encoder, classes=("calm", "wild"))
    return [ExampleBatch(config, token_batch(encoder), {"input_ids": PAD_ID, "attention_mask": 0})]


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``; Hugging Face's loaders read them."""
    save_hugging_face(network, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    from transformers import AutoModelForSequenceClassification

    return load_hugging_face(AutoModelForSequenceClassification, folder)
