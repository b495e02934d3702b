"""Probability of backtest overfitting: how often the best trial in sample is below the median out.

Combinatorially symmetric cross-validation: the sessions are cut into `BLOCKS` blocks; every half of
them is once in sample. The trial with the best Sharpe ratio there gets its relative rank among all
trials in the other half; the probability is the share of halves where that rank is at most 1/2.

Source: Bailey, Borwein, López de Prado and Zhu (2017), The Probability of Backtest Overfitting.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]
BLOCKS = 16
MIN_TRIALS = 10
MIN_BLOCK = 5
"""Sessions in a block at least, so that a ratio of half of the blocks means something."""


@dataclass(frozen=True)
class Overfitting:
    """The probability, or why there is none.

    Attributes:
        probability: in [0, 1]; NaN where it cannot be told.
        trials: that had returns on the same sessions.
        sessions: that they share.
        not_told: what is missing, in words; None where there is a probability.
    """

    probability: float
    trials: int
    sessions: int
    not_told: str | None


def overfitting(returns: Sequence[pd.Series]) -> Overfitting:
    """Tell the probability from the session returns of every trial.

    Args:
        returns: one a trial, by session; the sessions that all of them have are used.
    """
    together = pd.concat(returns, axis=1, join="inner") if returns else pd.DataFrame()
    sessions, trials = together.shape
    missing = None
    if trials < MIN_TRIALS:
        missing = f"it takes {MIN_TRIALS} trials on the same sessions, there are {trials}"
    elif sessions < BLOCKS * MIN_BLOCK:
        missing = f"it takes {BLOCKS * MIN_BLOCK} sessions, the trials share {sessions}"
    if missing is not None:
        return Overfitting(float("nan"), trials, sessions, missing)
    ranks = relative_ranks(together.to_numpy(float), BLOCKS)
    return Overfitting(float((ranks <= 0.5).mean()), trials, sessions, None)


def relative_ranks(returns_TN: Floats, blocks: int) -> Floats:
    """Out-of-sample rank of the best trial in sample, over N + 1, of every half of the blocks.

    Args:
        returns_TN: (T, N) session returns of N trials; the T mod `blocks` first rows are left out.
        blocks: even.

    Returns:
        (C(blocks, blocks/2),) in (0, 1), 1/2 for the median; ties get their mean rank.
    """
    rows = len(returns_TN) // blocks
    cut_BSN = returns_TN[len(returns_TN) - rows * blocks :].reshape(blocks, rows, -1)
    sums, squares = cut_BSN.sum(axis=1), (cut_BSN**2).sum(axis=1)
    halves = np.array(list(combinations(range(blocks), blocks // 2)))
    inside = np.zeros((len(halves), blocks))
    np.put_along_axis(inside, halves, 1.0, axis=1)
    count = rows * blocks // 2
    own = _ratio(inside @ sums, inside @ squares, count)
    other = _ratio((1 - inside) @ sums, (1 - inside) @ squares, count)
    best = np.take_along_axis(other, own.argmax(axis=1)[:, None], axis=1)
    below = (other < best).sum(axis=1)
    same = (other == best).sum(axis=1)
    ranks: Floats = (below + (same + 1) / 2) / (other.shape[1] + 1)
    return ranks


def _ratio(total: Floats, squares: Floats, count: int) -> Floats:
    """Sharpe ratio from sums and sums of squares; 0 where there is no variance."""
    mean = total / count
    variance = np.maximum(squares / count - mean**2, 0.0)
    steady = variance <= 1e-12 * np.maximum(squares / count, 1e-300)
    ratio: Floats = np.where(steady, 0.0, mean / np.sqrt(np.where(steady, 1.0, variance)))
    return ratio
