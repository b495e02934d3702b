"""How much tokens say, how it changes, and what it tells of the next bar. In bits."""

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


def jensen_shannon(first: NDArray[np.integer], second: NDArray[np.integer]) -> float:
    """Return the Jensen–Shannon divergence of two counts over the same values, base 2: 0 … 1.

    Raises:
        FormatError: one of them counts nothing.
    """
    if not first.sum() or not second.sum():
        raise FormatError("divergence from no bars is undefined")
    p, q = first / first.sum(), second / second.sum()
    middle = (p + q) / 2
    return max(0.0, _bits(middle) - (_bits(p) + _bits(q)) / 2)


def population_stability(first: NDArray[np.integer], second: NDArray[np.integer]) -> float:
    """Return the population stability index Σ (p - q) ln(p / q), with ½ added to every count.

    Below 0.1 is usually called stable, above 0.25 a shift.
    """
    p, q = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (first, second))
    return float(((p - q) * np.log(p / q)).sum())


def mutual_information(first: Codes, second: Codes) -> float:
    """Return I(x; y) = H(x) + H(y) - H(x, y) in bits, as the counts give it (biased upwards)."""
    if len(first) == 0:
        return 0.0
    width = int(second.max()) + 1
    pairs = first.astype(np.int64) * width + second
    joint = np.bincount(pairs, minlength=(int(first.max()) + 1) * width)
    table = joint.reshape(-1, width)
    return max(0.0, entropy(table.sum(1)) + entropy(table.sum(0)) - entropy(joint))


def shift_null(first: Codes, second: Codes, shifts: int, seed: int) -> NDArray[np.float64]:
    """Return (shifts,) mutual informations with ``second`` turned around by random distances.

    Both series keep their own pattern and lose only the timing between them, so this is what the
    estimate's bias and the series' persistence give by themselves.
    """
    draw = np.random.default_rng(seed).integers(1, max(2, len(second)), shifts)
    return np.array([mutual_information(first, np.roll(second, k)) for k in draw])


def _bits(shares: NDArray[np.float64]) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log2(positive)).sum())
