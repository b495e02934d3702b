"""Text embeddings of news in the lake: computed once a text and encoder, then read.

A bundle ``text/<encoder>/<instrument>`` holds the vectors of an instrument's texts, each named by
the digest of its words, and for every item of the table ``news`` when it was known and which text
it has. The encoder's name ends in its digest: other weights make other bundles.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from fints_pipeline.base.errors import KeyNotFoundError, LakeError
from fints_pipeline.base.lake import BundleKey, Lake, Lineage, series_key
from fints_pipeline.models._text_encoder import TextEncoder

CODE_VERSION = "1"
NEWS, EVENT = "news", "event"
_FILE, _ABOUT = "embeddings.safetensors", "encoder.json"
_SHOWN = 12  # digits of a digest in a name
_DIGEST_BYTES = 16


@dataclass(frozen=True)
class CachedText:
    """The embedded news of one instrument, ascending in time.

    Attributes:
        known_at: (N,) datetime64[us], UTC: when each item was published.
        text: (N,) which text it has.
        vectors: (U, E) float32, one a text.
        digests: (U, 16) uint8, of the texts' words.
    """

    known_at: NDArray[np.datetime64]
    text: NDArray[np.int64]
    vectors: Tensor
    digests: NDArray[np.uint8]

    @classmethod
    def nothing(cls, width: int) -> CachedText:
        """Return the news of an instrument that has none."""
        stamps = np.empty(0, "datetime64[us]")
        digests = np.empty((0, _DIGEST_BYTES), np.uint8)
        return cls(stamps, np.empty(0, np.int64), torch.empty(0, width), digests)

    def __len__(self) -> int:
        """Return N."""
        return len(self.known_at)


@dataclass(frozen=True)
class Embedded:
    """What `embed_news` did: items, distinct texts, and how many of these were new."""

    key: BundleKey
    items: int
    texts: int
    new: int


def encoder_name(encoder: TextEncoder) -> str:
    """Return what experiments call the encoder, such as ``finbert-0f3a9c21b7de``."""
    return f"{encoder.name}-{encoder.digest[:_SHOWN]}"


def text_key(encoder: str, instrument: str) -> BundleKey:
    """Return the key of an instrument's embedded news."""
    return BundleKey.of("text", encoder=encoder, instrument=instrument)


def embed_news(lake: Lake, instrument: str, encoder: TextEncoder) -> Embedded:
    """Embed an instrument's news and publish the vectors; texts that are there already are kept.

    Raises:
        KeyNotFoundError: there is no news about it.
    """
    months = lake.months(NEWS, EVENT, instrument)
    if not months:
        known = ", ".join(lake.instruments(NEWS, EVENT)) or "nothing yet"
        raise KeyNotFoundError(
            f"no news about {instrument!r} in the lake",
            where=lake.location,
            fix=f"read it in with `python -m fints_pipeline.data news`; there is {known}",
        )
    keys = [series_key(NEWS, EVENT, instrument, month) for month in months]
    rows = pa.concat_tables([lake.read(key, ["known_at", "text"]) for key in keys])
    known_at = rows.column("known_at").cast(pa.timestamp("us")).to_numpy()
    order = np.argsort(known_at, kind="stable")
    words = [rows.column("text")[int(row)].as_py() for row in order]
    key = text_key(encoder_name(encoder), instrument)
    texts, place = np.unique(np.array(words, dtype=object), return_inverse=True)
    vectors, new = _vectors(_cached(lake, key), texts.tolist(), encoder)
    made = CachedText(known_at[order], place, vectors, _digests(texts.tolist()))
    about = {"name": encoder.name, "digest": encoder.digest, "width": encoder.width}
    about |= {"pooling": encoder.pooling, "max_tokens": encoder.max_tokens}

    def write(folder: Path) -> None:
        _save(made, folder / _FILE)
        content = json.dumps(about, indent=1, sort_keys=True)
        (folder / _ABOUT).write_text(content + "\n", encoding="utf-8")

    inputs = {str(one): lake.footer(one).digest for one in keys}
    lake.write_bundle(key, write, Lineage(CODE_VERSION, encoder.digest, inputs))
    return Embedded(key, len(made), len(texts), new)


def load_text(lake: Lake, encoder: str, instruments: Iterable[str]) -> dict[str, CachedText]:
    """Return the embedded news of those instruments that have any, digests checked.

    Raises:
        KeyNotFoundError: none of them has.
        LakeError: a file is damaged.
    """
    names = list(instruments)
    found = {name: cached for name in names if (cached := _cached(lake, text_key(encoder, name)))}
    if not found:
        raise KeyNotFoundError(
            f"no news about {', '.join(names)} was embedded with {encoder!r}",
            where=lake.location,
            fix="run `python -m fints_pipeline.embed`, which prints the encoder's full name",
        )
    return found


def _cached(lake: Lake, key: BundleKey) -> CachedText | None:
    try:
        folder = lake.open_bundle(key)
    except KeyNotFoundError:
        return None
    try:
        parts = load_file(folder / _FILE)
    except (OSError, SafetensorError) as error:
        raise LakeError(f"embedded news cannot be read: {error}", where=str(folder)) from None
    known_at = parts["known_at"].numpy().view("datetime64[us]")
    return CachedText(known_at, parts["text"].numpy(), parts["vectors"], parts["digests"].numpy())


def _save(made: CachedText, path: Path) -> None:
    tensors = {
        "known_at": torch.from_numpy(made.known_at.astype("datetime64[us]").view(np.int64)),
        "text": torch.from_numpy(made.text.astype(np.int64)),
        "vectors": made.vectors,
        "digests": torch.from_numpy(made.digests),
    }
    save_file({name: value.contiguous() for name, value in tensors.items()}, path)


def _vectors(
    before: CachedText | None, texts: list[str], encoder: TextEncoder
) -> tuple[Tensor, int]:
    """Return the texts' vectors (U, E), and how many of them had to be computed."""
    known = {} if before is None else {bytes(d): n for n, d in enumerate(before.digests)}
    digests = [bytes(digest) for digest in _digests(texts)]
    missing = [place for place, digest in enumerate(digests) if digest not in known]
    vectors = torch.empty(len(texts), encoder.width)
    for place, digest in enumerate(digests):
        if before is not None and digest in known:
            vectors[place] = before.vectors[known[digest]]
    if missing:
        vectors[missing] = encoder.embed([texts[place] for place in missing])
    return vectors, len(missing)


def _digests(texts: list[str]) -> NDArray[np.uint8]:
    joined = b"".join(hashlib.sha256(t.encode()).digest()[:_DIGEST_BYTES] for t in texts)
    return np.frombuffer(joined, dtype=np.uint8).reshape(-1, _DIGEST_BYTES).copy()
