"""How much tokens say: counts, entropy, perplexity, conditional entropy, coverage. In bits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.base.errors import FormatError
from fints_pipeline.tokenizers.brooks import FIELDS

Codes = NDArray[np.integer]


@dataclass(frozen=True)
class Coverage:
    """How much of some bars a vocabulary knows.

    Attributes:
        tokens: Share of the bars whose composite it knows.
        types: Share of the distinct composites that it knows.
    """

    tokens: float
    types: float


def frequencies(codes: Codes, size: int) -> NDArray[np.int64]:
    """Return (size,) how often each code 0 … size - 1 occurs."""
    return np.bincount(codes, minlength=size).astype(np.int64)


def field_frequencies(tokens: NDArray[np.int8]) -> dict[str, dict[str, int]]:
    """Return each field's count by value, of (T, 10) tokens."""
    return {
        name: dict(zip(values, frequencies(tokens[:, column], len(values)).tolist(), strict=True))
        for column, (name, values) in enumerate(FIELDS.items())
    }


def entropy(counts: NDArray[np.integer]) -> float:
    """Return H₂ = -Σ p log₂ p of counts, in bits; 0 where there are none (plug-in estimate)."""
    positive = counts[counts > 0]
    if len(positive) == 0:
        return 0.0
    shares = positive / positive.sum()
    return max(0.0, float(-(shares * np.log2(shares)).sum()))


def perplexity(bits: float) -> float:
    """Return 2^H: the number of equally likely tokens with this entropy."""
    return float(2.0**bits)


def conditional_entropy(codes: Codes, linked: NDArray[np.bool_] | None = None) -> float:
    """Return H(x_t | x_{t-1}) = H(pairs) - H(x) in bits, x over the pairs' first members.

    Args:
        codes: (T,) non-negative.
        linked: (T - 1,) whether rows t and t + 1 may be paired; False across a session gap in reset
            mode. None pairs all.

    Raises:
        FormatError: ``linked`` has another length.
    """
    first, second = codes[:-1].astype(np.int64), codes[1:].astype(np.int64)
    if linked is not None:
        if linked.shape != first.shape:
            raise FormatError(f"linked has shape {linked.shape}, expected {first.shape}")
        first, second = first[linked], second[linked]
    if len(first) == 0:
        return 0.0
    width = int(max(first.max(), second.max())) + 1
    pairs = np.unique(first * width + second, return_counts=True)[1]
    return max(0.0, entropy(pairs) - entropy(np.unique(first, return_counts=True)[1]))


def coverage(composites: Codes, known: Codes) -> Coverage:
    """Return the shares of bars, and of distinct composites, that are among ``known``.

    Raises:
        FormatError: there are no bars.
    """
    if len(composites) == 0:
        raise FormatError("coverage of no bars is undefined")
    types = np.unique(composites)
    return Coverage(
        tokens=float(np.isin(composites, known).mean()), types=float(np.isin(types, known).mean())
    )
