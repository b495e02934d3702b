"""Tagger over Brooks tokens: a class for every bar of the sequence, with an optional CRF.

What is known when. Training reads whole sequences, with the label of each bar. A tag that may be
traded on at bar t comes from the sequence that ends at t, and from its filtered marginals
(``filtered``): p(tag of t | emissions up to t). ``tags`` decodes in hindsight (Viterbi) and serves
charts and scores of the past alone.

The encoder looks back only unless ``causal`` is turned off. It has to for labels that look ahead:
one that looks both ways finds the answer for every bar but the last ones in the tokens after it,
learns to copy it from there, and has nothing to say of the last bar, where it is asked. With a
causal encoder every row of one long pass is what was known at its bar.

Source: BERT through Hugging Face's token classification; Lafferty, McCallum, Pereira (2001) for
the CRF.
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
    saved_settings,
    token_batch,
)

if TYPE_CHECKING:
    from torch import nn

TASK: Task = "tag_tokens"


class BrooksTaggerConfig(NetworkConfig):
    """Settings of the tagger.

    Attributes:
        encoder: size of the encoder; training takes the pretrained network's, so config files
            leave it out.
        classes: (K) names of the label's classes; training takes them from the label.
        head_dropout: share of the encoder's states dropped before the last layer.
        crf: score steps from tag to tag as well, in a linear-chain CRF.
        causal: let the encoder look back only, although it was pretrained looking both ways. Turn
            it off for labels of the past, such as the state that a bar is in.
    """

    encoder: BertSettings | None = None
    classes: Classes | None = None
    head_dropout: float = Field(0.1, ge=0, lt=1)
    crf: bool = False
    causal: bool = True

    @property
    def factorised(self) -> bool:
        """Whether a position holds one id a field."""
        return self.encoder is not None and self.encoder.factorised

    def hugging_face(self) -> dict[str, Any]:
        """Return what the tagger adds to the encoder's config."""
        head = class_config(self.classes, self.head_dropout)
        return {**head, "crf": self.crf, "is_decoder": self.causal, "use_cache": False}


def build(config: NetworkConfig) -> nn.Module:
    """Return a tagger with fresh weights, nothing pretrained.

    It maps ``input_ids`` (B, L[, F]), ``attention_mask`` and ``labels`` (B, L) to an output with
    ``logits`` (B, L, K), the emissions, and ``loss``. On the encoder (see `brooks_classifier`) it
    puts K(D + 1) parameters, and K + K² with the CRF.
    """
    settings = cast(BrooksTaggerConfig, config)
    if settings.encoder is None:
        raise ConfigError(
            "the tagger's encoder is not set",
            fix="pretrain the masked language model first; its encoder is taken over",
        )
    full = bert_config(settings.encoder, **settings.hugging_face())
    return cast("nn.Module", _kind(settings.encoder)(full))


def build_from_pretrained(config: NetworkConfig, folder: Path) -> nn.Module:
    """Return a tagger with the encoder weights in ``folder`` and a fresh head.

    Args:
        config: the tagger's settings; its `encoder` is not looked at.
        folder: what `save` of a masked language model wrote, flat or factorised.

    Raises:
        LakeError: the folder holds no such network.
        ConfigError: the classes are not set.
    """
    extra = cast(BrooksTaggerConfig, config).hugging_face()
    return load_hugging_face(_kind(saved_settings(folder)), folder, **extra)


def example_batch() -> ExampleBatch:
    """Return a tiny config with a CRF and four sequences, two of them padded."""
    encoder = BertSettings(
        vocabulary_size=20, max_length=16, width=8, layers=2, heads=2, feed_forward=16
    )
    padding = {"input_ids": PAD_ID, "attention_mask": 0}
    config = BrooksTaggerConfig(encoder=encoder, classes=("down", "flat", "up"), crf=True)
    return ExampleBatch(config, token_batch(encoder), padding)


def more_examples() -> list[ExampleBatch]:
    """Return the same without the CRF, and over factorised tokens with an encoder both ways."""
    first = example_batch()
    plain = cast(BrooksTaggerConfig, first.config).model_copy(update={"crf": False})
    encoder = BertSettings(
        field_sizes=(9, 12, 7), max_length=16, width=8, layers=2, heads=2, feed_forward=16
    )
    config = BrooksTaggerConfig(encoder=encoder, classes=("calm", "wild"), crf=True, causal=False)
    return [
        ExampleBatch(plain, first.inputs, first.padding),
        ExampleBatch(config, token_batch(encoder), first.padding),
    ]


def save(network: nn.Module, config: NetworkConfig, folder: Path) -> None:
    """Write config.json and model.safetensors into ``folder``.

    Hugging Face's ``AutoModelForTokenClassification`` reads them as well; it leaves the CRF out.
    """
    save_hugging_face(network, folder)


def load(folder: Path) -> nn.Module:
    """Return the network that `save` wrote, in evaluation mode."""
    return load_hugging_face(_kind(saved_settings(folder)), folder)


def _kind(encoder: BertSettings) -> Any:
    from fints_pipeline.models._tagger_network import BertTagger, FactorisedBertTagger

    return FactorisedBertTagger if encoder.factorised else BertTagger
