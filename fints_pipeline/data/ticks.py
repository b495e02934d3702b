"""The smallest price step that prices show."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

ENOUGH = 0.995
_MOST_DECIMALS = 8
_MULTIPLES = (25, 5, 2)


def estimate_tick(prices: npt.NDArray[np.float64]) -> float | None:
    """Return the largest usual step that nearly all prices are multiples of, or None.

    A help for a person who writes a config, never used on its own: prices that come later may be
    finer. Steps are 1, 2, 5 or 25 times a power of ten.

    Args:
        prices: Of any shape; what is not finite and positive does not count.
    """
    known = prices[np.isfinite(prices) & (prices > 0)]
    if not known.size:
        return None
    for decimals in range(_MOST_DECIMALS + 1):
        scaled = known * 10**decimals
        if _share(scaled, 1) >= ENOUGH:
            multiple = next((m for m in _MULTIPLES if _share(scaled, m) >= ENOUGH), 1)
            return float(round(multiple * 10.0**-decimals, _MOST_DECIMALS))
    return None


def _share(scaled: npt.NDArray[np.float64], multiple: int) -> float:
    """Return the share of values that are multiples, but for the last digits of a float."""
    steps = scaled / multiple
    return float((np.abs(steps - np.round(steps)) <= 1e-9 * np.maximum(steps, 1)).mean())
