"""A language model that turns texts into vectors: FinBERT, or any encoder in Hugging Face's layout.

The weights are loaded, never trained here. Nothing is fetched unless it is asked for.

Source: Araci, FinBERT (2019), ``ProsusAI/finbert``; mean pooling after Reimers and Gurevych,
Sentence-BERT (2019).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, cast

import torch
from torch import Tensor, nn

from fints_pipeline.base.digest import DIGEST_LENGTH
from fints_pipeline.base.errors import LakeError, SchemaError

FINBERT = "ProsusAI/finbert"
Pooling = Literal["mean", "cls"]
_BATCH = 32


@dataclass(frozen=True)
class TextEncoder:
    """A frozen encoder with its tokenizer.

    Attributes:
        name: short, for file names.
        digest: over weights, tokenizer, pooling and the longest text: two encoders that may give
            different vectors have different ones.
        pooling: "mean" over a text's tokens, or the state of its first one ("cls").
        max_tokens: longer texts are cut; never more than the network reads.
    """

    name: str
    digest: str
    network: nn.Module
    tokenizer: Any
    pooling: Pooling
    max_tokens: int

    @property
    def width(self) -> int:
        """E, the length of a vector."""
        return int(cast(Any, self.network).config.hidden_size)

    @torch.no_grad()
    def embed(self, texts: Sequence[str]) -> Tensor:
        """Return the vectors (N, E) of texts, float32; a text's does not depend on its neighbours.

        Texts of one length in tokens go together, so that nothing is padded.

        Raises:
            SchemaError: a vector is not finite.
        """
        ids = [self.tokenizer(t, truncation=True, max_length=self.max_tokens) for t in texts]
        by_length: dict[int, list[int]] = defaultdict(list)
        for place, one in enumerate(ids):
            by_length[len(one["input_ids"])].append(place)
        vectors = torch.empty(len(texts), self.width)
        for places in by_length.values():
            for start in range(0, len(places), _BATCH):
                some = places[start : start + _BATCH]
                batch = torch.tensor([ids[place]["input_ids"] for place in some])
                states_BLE = self.network(input_ids=batch).last_hidden_state
                pooled_BE = states_BLE.mean(1) if self.pooling == "mean" else states_BLE[:, 0]
                vectors[some] = pooled_BE.float()
        if not bool(torch.isfinite(vectors).all()):
            raise SchemaError(f"the text encoder {self.name} gives vectors that are not finite")
        return vectors


def load_text_encoder(
    source: str = FINBERT,
    *,
    download: bool = False,
    pooling: Pooling = "mean",
    max_tokens: int = 128,
) -> TextEncoder:
    """Load an encoder from a folder, or from Hugging Face's cache by its name.

    Args:
        source: a folder with config.json, weights and tokenizer, or a name such as
            ``ProsusAI/finbert``.
        download: fetch what is not in the cache.
        pooling: see `TextEncoder`.
        max_tokens: see `TextEncoder`.

    Raises:
        LakeError: it is not there, or not an encoder; says how to get the weights.
    """
    from transformers import AutoModel, AutoTokenizer

    from fints_pipeline.models._bert import silent_transformers

    local = Path(source).is_dir() or not download
    try:
        with silent_transformers():
            tokenizer: Any = cast(Any, AutoTokenizer).from_pretrained(
                source, local_files_only=local
            )
            network = cast(Any, AutoModel).from_pretrained(
                source, local_files_only=local, use_safetensors=_has_safetensors(source)
            )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise LakeError(
            f"the text encoder {source!r} cannot be loaded: {str(error).splitlines()[0]}",
            where=source if Path(source).is_dir() else "Hugging Face's cache (HF_HOME)",
            fix=f"where there is a network, run `hf download {FINBERT} --local-dir finbert`, bring "
            "the folder here and give its path; or allow the download",
        ) from None
    frozen = network.eval().requires_grad_(False)
    readable = getattr(frozen.config, "max_position_embeddings", max_tokens)
    max_tokens = min(max_tokens, readable, tokenizer.model_max_length)
    name = re.sub(r"[^a-z0-9]+", "-", Path(source).name.lower()).strip("-")
    digest = _digest(frozen, tokenizer, pooling, max_tokens)
    return TextEncoder(name, digest, frozen, tokenizer, pooling, max_tokens)


def _has_safetensors(source: str) -> bool | None:
    """Return True where a folder holds safetensors, so that no pickle is opened beside them."""
    return True if list(Path(source).glob("*.safetensors")) else None


def _digest(network: nn.Module, tokenizer: Any, pooling: str, max_tokens: int) -> str:
    digest = hashlib.sha256(json.dumps([pooling, max_tokens]).encode())
    digest.update(tokenizer.backend_tokenizer.to_str().encode())
    for name, value in sorted(network.state_dict().items()):
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.contiguous().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[:DIGEST_LENGTH]
