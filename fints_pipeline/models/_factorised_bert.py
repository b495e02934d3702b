"""BERT over factorised tokens: a position holds one id a field, and its embedding is their sum.

The tables of all fields lie in one, ``bert.embeddings.word_embeddings`` of (Σ|V_f|, D), so that the
size grows with the sum of the fields' vocabularies, not with their product, and one layer's output
(B, L, F, D) shows each field's share to an explainer. |V_f| counts the five special ids, which
have the same numbers in every field.

Importing the module registers the classes with Hugging Face's ``Auto…`` loaders.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import (
    AutoConfig,
    AutoModel,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    BertConfig,
    BertForSequenceClassification,
    BertForTokenClassification,
    BertModel,
    BertPreTrainedModel,
)
from transformers.models.bert.modeling_bert import BertEmbeddings, BertPredictionHeadTransform
from transformers.utils.generic import ModelOutput


class FactorisedBertConfig(BertConfig):
    """BERT's config with ``field_sizes``: ids of each field, the special ones included."""

    model_type = "factorised_bert"

    field_sizes: list[int] | None = None


class FactorisedEmbeddings(BertEmbeddings):
    """Sums the embeddings of a position's fields; the rest is BERT's."""

    def __init__(self, config: FactorisedBertConfig) -> None:
        super().__init__(config)
        sizes = torch.tensor([0, *(config.field_sizes or ())])
        self.register_buffer("first_row_F", sizes.cumsum(0)[:-1])

    def forward(  # type: ignore[override]
        self, input_ids: Tensor | None = None, **others: Any
    ) -> Tensor:
        """Embed ids (B, L, F), or take ``inputs_embeds`` (B, L, D) as they are."""
        if input_ids is not None:
            rows_BLF = input_ids + cast(Tensor, self.first_row_F)
            others["inputs_embeds"] = self.word_embeddings(rows_BLF).sum(dim=-2)
        return super().forward(**others)


class FactorisedBertModel(BertModel):
    """The encoder alone."""

    config_class = FactorisedBertConfig

    def __init__(self, config: FactorisedBertConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config, add_pooling_layer=add_pooling_layer)
        self.embeddings = FactorisedEmbeddings(config)
        self.post_init()


@dataclass
class FactorisedLMOutput(ModelOutput):
    """What the masked language model returns.

    Attributes:
        logits: per field (B, L, V_f).
        hidden_states: of every layer, where they were asked for.
        attentions: of every layer, where they were asked for.
    """

    logits: tuple[Tensor, ...] | None = None
    hidden_states: tuple[Tensor, ...] | None = None
    attentions: tuple[Tensor, ...] | None = None


class FactorisedBertForMaskedLM(BertPreTrainedModel):
    """A softmax a field over what stands at a position; weights are those of the embeddings."""

    config_class = FactorisedBertConfig
    _tied_weights_keys = {  # noqa: RUF012 - Hugging Face declares it without ClassVar
        "decoder.weight": "bert.embeddings.word_embeddings.weight"
    }

    def __init__(self, config: FactorisedBertConfig) -> None:
        super().__init__(config)
        self.bert = FactorisedBertModel(config, add_pooling_layer=False)
        self.transform = BertPredictionHeadTransform(config)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size)
        self.post_init()

    def get_output_embeddings(self) -> nn.Linear:
        """Return the joint output layer of all fields."""
        return self.decoder

    def forward(
        self, input_ids: Tensor, attention_mask: Tensor | None = None, **others: Any
    ) -> FactorisedLMOutput:
        """Return logits a field for ids (B, L, F)."""
        encoded = self.bert(input_ids, attention_mask=attention_mask, **others)
        logits = self.field_logits(encoded.last_hidden_state)
        return FactorisedLMOutput(logits, encoded.hidden_states, encoded.attentions)

    def field_logits(self, states: Tensor) -> tuple[Tensor, ...]:
        """Return logits (…, V_f) of each field from the encoder's states (…, D)."""
        joint = self.decoder(self.transform(states))
        return joint.split(self.config.field_sizes, dim=-1)


class FactorisedBertForSequenceClassification(BertForSequenceClassification):
    """BERT's sequence classifier over factorised tokens."""

    config_class = FactorisedBertConfig

    def __init__(self, config: FactorisedBertConfig) -> None:
        super().__init__(config)
        self.bert.embeddings = FactorisedEmbeddings(config)
        self.post_init()


class FactorisedBertForTokenClassification(BertForTokenClassification):
    """BERT's token classifier over factorised tokens."""

    config_class = FactorisedBertConfig

    def __init__(self, config: FactorisedBertConfig) -> None:
        super().__init__(config)
        self.bert.embeddings = FactorisedEmbeddings(config)
        self.post_init()


def _register() -> None:
    loaders = {
        AutoModel: FactorisedBertModel,
        AutoModelForMaskedLM: FactorisedBertForMaskedLM,
        AutoModelForSequenceClassification: FactorisedBertForSequenceClassification,
        AutoModelForTokenClassification: FactorisedBertForTokenClassification,
    }
    AutoConfig.register(FactorisedBertConfig.model_type, FactorisedBertConfig, exist_ok=True)
    for loader, network in loaders.items():
        loader.register(FactorisedBertConfig, network, exist_ok=True)


_register()
