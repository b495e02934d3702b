"""From signals to target fractions of the equity: how much, when, and when to be flat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.evaluation.config import BacktestConfig, Sizing
from fints_pipeline.evaluation.grid import Grid
from fints_pipeline.walkforward.ledger import Reason, Targets

Floats = NDArray[np.float64]


def targets(signal: Floats, size: Floats, grid: Grid, config: BacktestConfig) -> Targets:
    """What to hold after each close.

    Causal: row t depends on the signal and size up to t, and on the calendar.

    Args:
        signal: (T, S) in [-1, 1]; NaN where there is none.
        size: (T, S) from `full_size`.
        grid: the bars and their sessions.
        config: hold, leverage and flattening.

    Returns:
        Targets (T, S): NaN where nothing is decided, so that the position stays.
    """
    fraction = signal * size
    fraction[~np.isnan(signal) & np.isnan(size)] = 0.0  # volatility not known yet: stay out
    fraction[grid.bar_of_session % config.hold != 0] = np.nan
    reason = np.full(fraction.shape, Reason.SIGNAL, np.int8)
    if config.flatten_at_session_end:
        closing = grid.before_last_bar & grid.present
        fraction[closing] = 0.0
        reason[closing] = Reason.SESSION_END
    return Targets(capped(fraction, config.sizing.max_leverage), reason)


def full_size(grid: Grid, sizing: Sizing, sessions_per_year: float) -> Floats:
    """(T, S) fraction of the equity at full signal; NaN while the volatility is unknown."""
    if sizing.kind == "fixed":
        return np.full(grid.present.shape, sizing.fraction)
    annual = session_volatility(grid, sizing.window) * np.sqrt(sessions_per_year)
    with np.errstate(divide="ignore"):
        size = sizing.annual_volatility / annual
    return np.asarray(np.minimum(size, sizing.max_leverage))


def session_volatility(grid: Grid, window: int) -> Floats:
    """Realised volatility of the last `window` complete sessions.

    The root of the mean, over those sessions, of the sum of squared log returns from close to
    close (split-adjusted; the first return of a session is the overnight one).

    Returns:
        (T, S) per session; constant within a session, NaN until `window` sessions are complete.
    """
    sessions, row_session = np.unique(grid.session, return_inverse=True)
    volatility = np.full(grid.present.shape, np.nan)
    for s in range(len(grid.market.symbols)):
        rows = np.flatnonzero(grid.present[:, s])
        returns = np.diff(np.log(grid.adjusted_close[rows, s]), prepend=np.nan)
        variance = np.bincount(row_session[rows], np.nan_to_num(returns) ** 2, len(sessions))
        traded = np.flatnonzero(np.bincount(row_session[rows], minlength=len(sessions)))
        known = np.full(len(sessions), np.nan)
        total = np.concatenate([[0.0], np.cumsum(variance[traded])])
        known[traded[window:]] = np.sqrt((total[window:-1] - total[: -window - 1]) / window)
        volatility[rows, s] = known[row_session[rows]]
    return volatility


def capped(fraction: Floats, max_leverage: float) -> Floats:
    """Scale fractions down so that their absolute sum, carried forward, stays within the cap.

    Where one symbol's decision takes room from another, the other is decided anew too.

    Args:
        fraction: (T, S), NaN where nothing is decided.
        max_leverage: cap on the absolute sum over the symbols.

    Returns:
        (T, S), NaN where nothing is decided and the cap changes nothing.
    """
    wanted = _carried(fraction)
    gross = np.abs(wanted).sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore"):
        allowed = wanted * np.minimum(1.0, max_leverage / gross)
    before = np.vstack([np.zeros((1, fraction.shape[1])), allowed[:-1]])
    return np.where(np.isnan(fraction) & (allowed == before), np.nan, allowed)


def _carried(values: Floats) -> Floats:
    """The last finite value of each column; 0 before the first."""
    rows = np.arange(len(values))[:, None]
    last = np.maximum.accumulate(np.where(np.isnan(values), -1, rows), axis=0)
    taken = np.take_along_axis(values, np.maximum(last, 0), axis=0)
    return np.where(last < 0, 0.0, taken)
