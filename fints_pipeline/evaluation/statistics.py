"""How sure one may be of a Sharpe ratio; all ratios here are per session, not annualised.

Moments follow the sources' conventions: skewness gamma3 and RAW kurtosis gamma4, 3 for a normal
distribution. Excess kurtosis put into the same formula understates the error.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
NORMAL = NormalDist()
EULER_GAMMA = 0.5772156649015329
FEW_TRIALS = 10


def skewness(values: Floats) -> float:
    """Third standardised moment (biased); 0 where there is no variance."""
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    return float(np.mean(centred**3)) / variance**1.5 if variance > 0 else 0.0


def kurtosis(values: Floats) -> float:
    """Fourth standardised moment, raw: 3 for a normal; 3 where there is no variance."""
    centred = values - values.mean()
    variance = float(np.mean(centred**2))
    return float(np.mean(centred**4)) / variance**2 if variance > 0 else 3.0


def sharpe_variance(ratio: float, count: int, gamma3: float, gamma4: float) -> float:
    """Variance of an estimated Sharpe ratio.

    (1 - gamma3 SR + (gamma4 - 1) / 4 SR^2) / (T - 1).

    Source: Mertens (2002); Bailey and López de Prado (2012), The Sharpe Ratio Efficient Frontier.
    """
    return (1 - gamma3 * ratio + (gamma4 - 1) / 4 * ratio**2) / (count - 1)


def probabilistic_sharpe(
    ratio: float, count: int, gamma3: float, gamma4: float, benchmark: float = 0.0
) -> float:
    """Probability that the true Sharpe ratio exceeds `benchmark`; NaN if it cannot be told.

    Source: Bailey and López de Prado (2012).
    """
    if not math.isfinite(ratio) or count < 2:
        return math.nan
    variance = sharpe_variance(ratio, count, gamma3, gamma4)
    if variance <= 0:
        return math.nan
    return NORMAL.cdf((ratio - benchmark) / math.sqrt(variance))


def expected_best_sharpe(trials: int, variance: float) -> float:
    """Sharpe ratio that the best of N trials without skill is expected to show.

    sqrt(V) ((1 - g) Z(1 - 1/N) + g Z(1 - 1/(N e))), V the variance of the trials' ratios, g
    Euler's constant, Z the normal quantile; 0 for a single trial.

    Source: Bailey and López de Prado (2014), The Deflated Sharpe Ratio.
    """
    if trials < 2:
        return 0.0
    first = NORMAL.inv_cdf(1 - 1 / trials)
    second = NORMAL.inv_cdf(1 - 1 / (trials * math.e))
    return math.sqrt(variance) * ((1 - EULER_GAMMA) * first + EULER_GAMMA * second)


def trial_variance(ratios: Sequence[float], count: int) -> float:
    """Variance of the trials' Sharpe ratios that luck alone would have.

    That of the recorded ratios once there are `FEW_TRIALS` of them. Two or three say nothing of a
    variance (one that loses to its costs would make luck look enormous), so for fewer it is the
    sampling variance of a ratio without skill over `count` sessions, 1 / (T - 1), as if the trials
    were independent.

    Args:
        ratios: per session, of every trial; NaN where one had no variance.
        count: sessions of the strategy that is judged.
    """
    known = [ratio for ratio in ratios if math.isfinite(ratio)]
    if len(known) >= FEW_TRIALS:
        return float(np.var(known, ddof=1))
    return 1 / (count - 1) if count > 1 else 0.0


def stationary_bootstrap(
    count: int, samples: int, block: float | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Row numbers of resampled histories made of blocks of geometric length.

    Args:
        count: rows of the original.
        samples: histories wanted.
        block: mean block length; None takes the cube root of `count`.
        rng: source of randomness.

    Returns:
        (samples, count) row numbers; blocks wrap around the end.

    Source: Politis and Romano (1994), The Stationary Bootstrap.
    """
    length = block if block is not None else max(1.0, count ** (1 / 3))
    fresh = rng.random((samples, count)) < 1 / length
    fresh[:, 0] = True
    starts = rng.integers(0, count, (samples, count))
    positions = np.arange(count)
    last = np.maximum.accumulate(np.where(fresh, positions, 0), axis=1)
    rows: NDArray[np.int64] = (np.take_along_axis(starts, last, axis=1) + positions - last) % count
    return rows


@dataclass(frozen=True)
class Intervals:
    """(low, high) of each statistic; NaN where it cannot be told.

    Attributes:
        sharpe: per session.
        mean: return of a session.
        drawdown: the largest, a fraction.
    """

    sharpe: tuple[float, float]
    mean: tuple[float, float]
    drawdown: tuple[float, float]


def bootstrap_intervals(
    returns: Floats, samples: int, block: float | None, level: float, rng: np.random.Generator
) -> Intervals:
    """Percentile intervals from histories resampled by the stationary bootstrap.

    Returns:
        What holds `level` of the resampled statistics; NaN for fewer than 2 sessions.
    """
    unknown = (math.nan, math.nan)
    if len(returns) < 2:
        return Intervals(unknown, unknown, unknown)
    drawn = returns[stationary_bootstrap(len(returns), samples, block, rng)]
    mean, deviation = drawn.mean(axis=1), drawn.std(axis=1, ddof=1)
    usable = deviation > 1e-15
    growth = np.cumprod(1 + drawn, axis=1)
    peak = np.maximum(np.maximum.accumulate(growth, axis=1), 1.0)

    def middle(values: Floats) -> tuple[float, float]:
        if not values.size:
            return unknown
        low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
        return float(low), float(high)

    return Intervals(
        sharpe=middle(mean[usable] / deviation[usable]),
        mean=middle(mean),
        drawdown=middle((1 - growth / peak).max(axis=1)),
    )


def permutation_p(observed: float, null: Floats) -> float:
    """One-sided p-value (1 + number of null values at least as large) / (1 + their number).

    A null run without variance (NaN) counts as 0: it earned nothing.
    """
    if not math.isfinite(observed):
        return 1.0
    values = np.nan_to_num(null)
    return float((1 + (values >= observed).sum()) / (1 + len(values)))


def newey_west_lags(count: int) -> int:
    """Lags worth using of a series: floor(4 (T / 100)^(2/9)), at most T - 1."""
    return max(0, min(count - 1, int(4 * (count / 100) ** (2 / 9))))


def autocorrelation(values: Floats, lags: int) -> Floats:
    """(lags,) autocorrelations at lag 1, 2, …; 0 where there is no variance."""
    centred = values - values.mean() if len(values) else values
    total = float(centred @ centred)
    if total <= 0:
        return np.zeros(lags)
    return np.array([float(centred[k:] @ centred[:-k]) / total for k in range(1, lags + 1)])
