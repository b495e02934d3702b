"""Bars by chance: the same bars in another order, so that nothing but their shapes is left."""

from __future__ import annotations

import numpy as np
import pandas as pd

PRICES = ["open", "high", "low", "close"]


def random_walk(bars: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Return as many bars, each with the jump and the shape of a randomly chosen real one.

    Jumps (open less the close before) and shapes are dealt anew separately, without replacement;
    sessions and flags stay where they are. Prices are split-adjusted, and may be any number.

    Args:
        bars: One instrument's bars, ascending; filled bars and ones that are not finite stay.
        seed: Of the dealing.
    """
    factor = bars["split_factor"].to_numpy(float) if "split_factor" in bars else 1.0
    made = bars.drop(columns="split_factor", errors="ignore").reset_index(drop=True)
    prices = bars[PRICES].to_numpy(float) * np.reshape(factor, (-1, 1))
    good = np.isfinite(prices).all(axis=1)
    if "is_filled" in bars:
        good &= ~bars["is_filled"].astype("boolean").fillna(False).to_numpy(bool)
    real = prices[good]
    if len(real) < 2:
        return made
    rng = np.random.default_rng(seed)
    jumps = rng.permutation(real[1:, 0] - real[:-1, 3])
    shapes = rng.permutation(real - real[:, :1])
    moves = jumps + shapes[:-1, 3]
    opened = real[0, 0] + np.concatenate([[0.0], np.cumsum(moves)])
    prices[good] = opened[:, None] + shapes
    made[PRICES] = prices
    return made
