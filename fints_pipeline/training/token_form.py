"""The forms in which networks read tokens: one flat id a bar, or an id a field."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fints_pipeline.models._bert import BertSettings
from fints_pipeline.training.factorised_masking import field_ids, framed_fields, mask_fields
from fints_pipeline.training.masking import FIRST_ORDINARY, framed, mask_tokens

Settings = TypeVar("Settings", bound=BertSettings)


class TokenForm(Protocol):
    """How sequences of a form are framed and masked."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Ids of each field, the special ones included; flat tokens are one field."""

    def framed(self, ids: Tensor) -> Tensor:
        """Put `<cls>` before and `<sep>` after each sequence."""

    def masked(self, ids: Tensor, share: float, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return disguised ids and targets; at least one position a row is asked for."""

    def ids(self, tokens: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return the ids of the grammar's values (T, F)."""

    def fit(self, settings: Settings) -> Settings:
        """Return an encoder's settings with the number of ids filled in."""


class Encoder(Protocol):
    """A fold's vocabulary, as far as training needs it; tokenizers are out of its reach."""

    def __len__(self) -> int:
        """Return the number of ids, the special ones included."""

    def encode(self, tokens: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return the flat ids (T,) of factorised tokens (T, K)."""


@dataclass(frozen=True)
class FlatForm:
    """One id of the fold's vocabulary a position: sequences (B, L).

    Attributes:
        encoder: the fold's vocabulary.
    """

    encoder: Encoder

    @property
    def sizes(self) -> tuple[int, ...]:
        """V alone."""
        return (len(self.encoder),)

    def ids(self, tokens: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return flat ids (T,)."""
        return self.encoder.encode(tokens)

    def framed(self, ids: Tensor) -> Tensor:
        """Put `<cls>` before and `<sep>` after each sequence."""
        return framed(ids)

    def masked(self, ids: Tensor, share: float, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return disguised ids and targets; at least one position a row is asked for."""
        return mask_tokens(ids, share, len(self.encoder), draws)

    def fit(self, settings: Settings) -> Settings:
        """Return an encoder's settings with the vocabulary's size filled in."""
        return settings.model_copy(update={"vocabulary_size": len(self.encoder)})


@dataclass(frozen=True)
class FactorisedForm:
    """One id a field: sequences (B, L, F).

    Attributes:
        values: number of the grammar's values, by field.
    """

    values: tuple[int, ...]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Ids of each field."""
        return tuple(FIRST_ORDINARY + count for count in self.values)

    def ids(self, tokens: NDArray[np.int8]) -> NDArray[np.int64]:
        """Return ids (T, F)."""
        return np.asarray(field_ids(torch.from_numpy(tokens)).numpy())

    def framed(self, ids: Tensor) -> Tensor:
        """Put `<cls>` before and `<sep>` after each sequence, in every field."""
        return framed_fields(ids)

    def masked(self, ids: Tensor, share: float, draws: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return disguised ids and targets; the fields of a position go together."""
        return mask_fields(ids, share, draws)

    def fit(self, settings: Settings) -> Settings:
        """Return an encoder's settings with the fields' sizes filled in."""
        return settings.model_copy(update={"field_sizes": self.sizes})
