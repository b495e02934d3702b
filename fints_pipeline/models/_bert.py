"""Settings and Hugging Face plumbing that the networks over Brooks tokens share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import ConfigError, LakeError

if TYPE_CHECKING:
    from torch import Tensor, nn
    from transformers import BertConfig

PAD_ID, CLS_ID, SEP_ID = 0, 3, 4  # in every vocabulary of the project, and in every field
FIRST_ORDINARY_ID = 5


def _names(value: object) -> object:
    return tuple(f"class_{n}" for n in range(value)) if isinstance(value, int) else value


Classes = Annotated[tuple[str, ...], BeforeValidator(_names), Field(min_length=2)]
"""Names of a label's classes in the order of its codes; a bare number K names them itself."""


class BertSettings(Config):
    """Size of a BERT encoder over token ids: flat ones (B, L), or factorised ones (B, L, F).

    Attributes:
        vocabulary_size: V, flat ids including the special ones. A fold's vocabulary sets it; leave
            it out of config files.
        field_sizes: (F) ids of each field including the special ones; it makes the tokens
            factorised. The grammar sets it; leave it out of config files.
        max_length: longest sequence in positions, `<cls>` and `<sep>` included.
        width: D, the encoder's width.
        layers: encoder layers.
        heads: attention heads; they share the width.
        feed_forward: width of the feed-forward layers.
        dropout: share dropped after the embedding and in each layer.
        attention_dropout: share of attention weights dropped; at 0 torch's fused kernel is used
            on CPUs too.
    """

    vocabulary_size: int | None = Field(None, ge=6)
    field_sizes: tuple[Annotated[int, Field(ge=6)], ...] | None = Field(None, min_length=1)
    max_length: int = Field(64, ge=3)
    width: int = Field(64, ge=1)
    layers: int = Field(2, ge=1)
    heads: int = Field(4, ge=1)
    feed_forward: int = Field(128, ge=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    attention_dropout: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width {self.width} is not a multiple of heads {self.heads}")
        if self.vocabulary_size is not None and self.field_sizes is not None:
            raise ValueError("tokens are flat (vocabulary_size) or factorised (field_sizes)")
        return self

    @property
    def factorised(self) -> bool:
        """Whether a position holds one id a field."""
        return self.field_sizes is not None


def bert_config(settings: BertSettings, **extra: Any) -> BertConfig:
    """Return Hugging Face's config of an encoder.

    Raises:
        ConfigError: the vocabulary's size is not known yet.
    """
    from transformers import BertConfig

    from fints_pipeline.models._factorised_bert import FactorisedBertConfig

    common = {
        "hidden_size": settings.width,
        "num_hidden_layers": settings.layers,
        "num_attention_heads": settings.heads,
        "intermediate_size": settings.feed_forward,
        "hidden_dropout_prob": settings.dropout,
        "attention_probs_dropout_prob": settings.attention_dropout,
        "max_position_embeddings": settings.max_length,
        "type_vocab_size": 1,
        "pad_token_id": PAD_ID,
        **extra,
    }
    if settings.field_sizes is not None:
        sizes = list(settings.field_sizes)
        return FactorisedBertConfig(vocab_size=sum(sizes), field_sizes=sizes, **common)
    if settings.vocabulary_size is None:
        raise ConfigError(
            "the network's vocabulary_size is not set",
            fix="fit the fold's vocabulary first; training takes the size from it",
        )
    return BertConfig(vocab_size=settings.vocabulary_size, **common)


def saved_settings(folder: Path) -> BertSettings:
    """Return the size of the encoder that lies in ``folder``.

    Raises:
        LakeError: no BERT encoder is saved there.
    """
    path = folder / "config.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        flat = content["model_type"] == "bert"
        return BertSettings(
            vocabulary_size=content["vocab_size"] if flat else None,
            field_sizes=None if flat else content["field_sizes"],
            max_length=content["max_position_embeddings"],
            width=content["hidden_size"],
            layers=content["num_hidden_layers"],
            heads=content["num_attention_heads"],
            feed_forward=content["intermediate_size"],
            dropout=content["hidden_dropout_prob"],
            attention_dropout=content["attention_probs_dropout_prob"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise LakeError(f"no token encoder can be read: {error!r}", where=str(path)) from None


def class_config(classes: tuple[str, ...] | None, dropout: float) -> dict[str, Any]:
    """Return a classification head's part of Hugging Face's config.

    Raises:
        ConfigError: the classes are not known yet.
    """
    if classes is None:
        raise ConfigError(
            "the network's classes are not set",
            fix="training takes them from the label; to build it by hand, name them",
        )
    return {
        "id2label": dict(enumerate(classes)),
        "label2id": {name: number for number, name in enumerate(classes)},
        "classifier_dropout": dropout,
    }


def save_hugging_face(network: nn.Module, folder: Path) -> None:
    """Write config.json and model.safetensors as Hugging Face lays them out."""
    # Where the weights came from is in the bundle's lineage; a path here would differ by machine.
    network.config._name_or_path = ""  # type: ignore[union-attr]
    with silent_transformers():
        network.save_pretrained(folder)  # type: ignore[operator]


def load_hugging_face(kind: Any, folder: Path, **extra: Any) -> nn.Module:
    """Return ``kind.from_pretrained(folder)`` in evaluation mode, without the network's chatter.

    Args:
        kind: class of the network, or one of the ``Auto…`` loaders.
        folder: what `save_hugging_face` wrote, of this network or of one that shares its encoder.
        extra: entries of Hugging Face's config that replace the saved ones, or are new.

    Raises:
        LakeError: the folder holds no such network.
    """
    from transformers import AutoConfig

    import fints_pipeline.models._factorised_bert  # noqa: F401 - makes itself known to the loaders

    if not (folder / "config.json").is_file():
        raise LakeError("no network is saved here", where=str(folder))
    try:
        with silent_transformers():
            config = AutoConfig.from_pretrained(folder, local_files_only=True)
            config.update(extra)
            network = kind.from_pretrained(folder, config=config, local_files_only=True)
    except (OSError, ValueError, RuntimeError) as error:
        raise LakeError(f"the network cannot be loaded: {error}", where=str(folder)) from None
    return network.eval()  # type: ignore[no-any-return]


@contextmanager
def silent_transformers() -> Iterator[None]:
    """Mute reports: a fresh classification head on pretrained weights is what is wanted here."""
    from transformers.utils import logging

    log: Any = logging  # its functions carry no annotations
    verbosity = log.get_verbosity()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(verbosity)
        log.enable_progress_bar()


@contextmanager
def eager_attention(network: nn.Module) -> Iterator[None]:
    """Let every encoder within compute attention step by step, as reading its maps needs.

    Fused attention returns no maps. Within the context, call an encoder with
    ``output_attentions=True`` and read ``.attentions``: per layer (B, A, L, L).
    """
    from transformers import PreTrainedModel

    encoders = [part for part in network.modules() if isinstance(part, PreTrainedModel)]
    before = [part.config._attn_implementation for part in encoders]
    for part in encoders:
        part.set_attn_implementation("eager")
    try:
        yield
    finally:
        for part, kind in zip(encoders, before, strict=True):
            part.set_attn_implementation(kind)


def is_bar(input_ids: Tensor) -> Tensor:
    """Return (B, L) True where ids (B, L) or (B, L, F) stand for a bar: no padding, no frame."""
    first = input_ids if input_ids.dim() == 2 else input_ids[..., 0]
    return (first != PAD_ID) & (first != CLS_ID) & (first != SEP_ID)


def token_batch(settings: BertSettings, positions: int = 12) -> dict[str, Any]:
    """Return ids (4, positions[, F]) of which the last rows end in padding, and their mask."""
    import torch

    generator = torch.Generator().manual_seed(0)
    sizes = settings.field_sizes or (settings.vocabulary_size or FIRST_ORDINARY_ID + 1,)
    columns = [
        torch.randint(FIRST_ORDINARY_ID, size, (4, positions), generator=generator)
        for size in sizes
    ]
    mask_BL = torch.ones(4, positions, dtype=torch.int64)
    mask_BL[2, -3:] = 0
    mask_BL[3, -5:] = 0
    ids = torch.stack(columns, dim=-1) * mask_BL[..., None]
    ids = ids if settings.factorised else ids[..., 0]
    return {"input_ids": ids, "attention_mask": mask_BL}
