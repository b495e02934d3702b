"""Masked language model over factorised Brooks tokens: ten fields a bar, a softmax each.

The embeddings of a position's fields are summed, all fields of a position are hidden together, and
one head a field guesses what stood there. The number of parameters grows with Σ|V_f|, where a flat
vocabulary over the same fields would have Π|V_f| words.

Source: Devlin et al., BERT (2019); factorised tokens after compound-word music transformers (Hsiao
et al., 2021). Loads through Hugging Face's ``AutoModelForMaskedLM`` once
`fints_pipeline.models._factorised_bert` is imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

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

TASK: Task = "masked_tokens"


class BrooksFactorisedMlmConfig(BertSettings, NetworkConfig):
    """Settings of the factorised masked language model; see `BertSettings`."""

    @property
    def factorised(self) -> bool:
        """True, before its fields are known too."""
        return True


def build(config: NetworkConfig) -> nn.Module:
    """Return a ``FactorisedBertForMaskedLM`` with fresh weights.

    It maps ``input_ids`` (B, L, F) and ``attention_mask`` (B, L) to an output whose ``logits`` are
    a tuple of (B, L, V_f). With V = Σ V_f it has as many parameters as `brooks_mlm` has at V words.

    Raises:
        ConfigError: the fields' sizes are not known yet.
    """
    from transformers import AutoModelForMaskedLM

    settings = cast(BrooksFactorisedMlmConfig, config)
    if settings.field_sizes is None:
        raise ConfigError(
            "the network's field_sizes are not set",
            fix="training takes them from the token table; to build it by hand, give them",
        )
    full = bert_config(settings)
    return cast("nn.Module", cast(Any, AutoModelForMaskedLM).from_config(full))


def example_batch() -> ExampleBatch:
    """Return a tiny config and four sequences of three fields, two of them padded."""
    config = BrooksFactorisedMlmConfig(
        field_sizes=(9, 12, 7), max_length=16, width=8, layers=2, heads=2, feed_forward=16
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
