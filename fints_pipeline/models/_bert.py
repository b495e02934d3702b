"""Settings and Hugging Face plumbing that the two Brooks token networks share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from pydantic import Field, model_validator

from fints_pipeline.base.config import Config
from fints_pipeline.base.errors import ConfigError, LakeError

if TYPE_CHECKING:
    from torch import nn
    from transformers import BertConfig

PAD_ID = 0  # `<pad>` in every vocabulary of the project


class BertSettings(Config):
    """Size of a BERT encoder over flat token ids.

    Attributes:
        vocabulary_size: V, ids including the special ones. A fold's vocabulary sets it; leave it
            out of config files.
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
        return self


def bert_config(settings: BertSettings, **extra: Any) -> BertConfig:
    """Return Hugging Face's config of an encoder.

    Raises:
        ConfigError: the vocabulary's size is not known yet.
    """
    from transformers import BertConfig

    if settings.vocabulary_size is None:
        raise ConfigError(
            "the network's vocabulary_size is not set",
            fix="fit the fold's vocabulary first; training takes the size from it",
        )
    return BertConfig(
        vocab_size=settings.vocabulary_size,
        hidden_size=settings.width,
        num_hidden_layers=settings.layers,
        num_attention_heads=settings.heads,
        intermediate_size=settings.feed_forward,
        hidden_dropout_prob=settings.dropout,
        attention_probs_dropout_prob=settings.attention_dropout,
        max_position_embeddings=settings.max_length,
        type_vocab_size=1,
        pad_token_id=PAD_ID,
        **extra,
    )


def save_hugging_face(network: nn.Module, folder: Path) -> None:
    """Write config.json and model.safetensors as Hugging Face lays them out."""
    # Where the weights came from is in the bundle's lineage; a path here would differ by machine.
    network.config._name_or_path = ""  # type: ignore[union-attr]
    with _silent_transformers():
        network.save_pretrained(folder)  # type: ignore[operator]


def load_hugging_face(kind: Any, folder: Path, **extra: Any) -> nn.Module:
    """Return ``kind.from_pretrained(folder)`` in evaluation mode, without the network's chatter.

    Raises:
        LakeError: the folder holds no such network.
    """
    if not (folder / "config.json").is_file():
        raise LakeError("no network is saved here", where=str(folder))
    try:
        with _silent_transformers():
            network = kind.from_pretrained(folder, local_files_only=True, **extra)
    except (OSError, ValueError, RuntimeError) as error:
        raise LakeError(f"the network cannot be loaded: {error}", where=str(folder)) from None
    return network.eval()  # type: ignore[no-any-return]


@contextmanager
def _silent_transformers() -> Iterator[None]:
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


def token_batch(vocabulary_size: int, positions: int = 12) -> dict[str, Any]:
    """Return ids (4, positions) of which the last rows end in padding, and their mask."""
    import torch

    generator = torch.Generator().manual_seed(0)
    ids_BL = torch.randint(5, vocabulary_size, (4, positions), generator=generator)
    mask_BL = torch.ones_like(ids_BL)
    mask_BL[2, -3:] = 0
    mask_BL[3, -5:] = 0
    return {"input_ids": ids_BL * mask_BL, "attention_mask": mask_BL}
