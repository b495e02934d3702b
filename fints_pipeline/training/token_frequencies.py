"""How often each id occurs in a training span: where a masked language model starts from."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from fints_pipeline.training.dataset import FloatArray

Ids = NDArray[np.int64]


class TokenFrequencies:
    """The shares of the ids of a training span, field by field.

    Args:
        ids: (T,) flat, or (T, F).
        sizes: (F) ids of each field; flat tokens are one field.
    """

    def __init__(self, ids: Ids, sizes: tuple[int, ...]) -> None:
        self._first = np.cumsum([0, *sizes])[:-1]
        counts = np.bincount(self._places(ids).ravel(), minlength=sum(sizes)) + 1.0
        parts = np.split(counts, self._first[1:])
        self.log_share: FloatArray = np.concatenate([np.log(part / part.sum()) for part in parts])
        """(Σ V_f,) ln of each id's share, one added to each count."""

    def perplexity(self, ids: Ids) -> float:
        """Return what these frequencies alone reach on other ids: that of all fields together.

        It is what a model without any context reaches; one that learned from context is below it.
        """
        return float(np.exp(-self.log_share[self._places(ids)].sum(axis=1).mean()))

    def start(self, network: nn.Module) -> nn.Module:
        """Let the output layer's bias start at the frequencies.

        The first steps would otherwise go into learning how often each token occurs.
        """
        with torch.no_grad():
            bias = cast(Any, network).get_output_embeddings().bias
            bias.copy_(torch.from_numpy(self.log_share))
        return network

    def _places(self, ids: Ids) -> Ids:
        places: Ids = ids.reshape(len(ids), -1) + self._first
        return places
