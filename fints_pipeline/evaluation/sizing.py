"""From signals to target fractions of the equity: how much, when, and when to be flat."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from fints_pipeline.evaluation.config import BacktestConfig, Sizing
from fints_pipeline.evaluation.grid import Grid
from fints_pipeline.evaluation.sessions import Sessions
from fints_pipeline.walkforward.ledger import Reason, Targets

Floats = NDArray[np.float64]


def targets(signal: Floats, size: Floats, grid: Grid, config: BacktestConfig) -> Targets:
    """What to hold after each close.

    Causal: row t depends on the signal and size up to t, and on the calendar.

    Args:
        signal: (T, S) in [-1, 1]; NaN where there is none.
        size: (T, S) from `full_size`.
        grid: the bars and their sessions.
        config: hold and flattening.

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
    return Targets(fraction, reason)


def full_size(grid: Grid, sizing: Sizing, sessions_per_year: float) -> Floats:
    """(T, S) fraction of the equity at full signal; NaN while the volatility is unknown.

    With Kelly sizing it is one: the size is in the signal, see `kelly_signal`.
    """
    if sizing.kind != "volatility_target":
        full = sizing.fraction if sizing.kind == "fixed" else 1.0
        return np.full(grid.present.shape, full)
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
    volatility = np.full(grid.present.shape, np.nan)
    for s in range(len(grid.market.symbols)):
        sessions = Sessions(grid, s)
        returns = np.diff(np.log(grid.adjusted_close[sessions.rows, s]), prepend=np.nan)
        volatility[:, s] = np.sqrt(sessions.trailing_mean(returns**2, window, window))
    return volatility


def kelly_signal(signal: Floats, kelly: Floats, sizing: Sizing) -> Floats:
    """The signal at the size that Kelly's rule gives it, fractional and capped.

    Args:
        signal: (T, S) in -1, 0, 1; NaN where there is none.
        kelly: (T, S) the full Kelly position, signed; NaN where it cannot be told.
        sizing: share of it, and the cap.

    Returns:
        (T, S) fraction of the equity; 0 where Kelly's rule bets on the other side or cannot tell.
    """
    size = np.clip(np.nan_to_num(np.sign(signal) * kelly) * sizing.kelly_fraction, 0.0, None)
    return np.asarray(signal * np.minimum(size, sizing.max_leverage))
