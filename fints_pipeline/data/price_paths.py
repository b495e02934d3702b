"""Simulated one-minute price paths: martingales, or martingales with a weak hidden drift.

The log price x moves in K small steps a minute. In step k of minute t of a session

    dx = (μ_t − σ_t²/2) / K + σ_t / √K · ε,          ε ~ N(0, 1)
    μ_t = κ · σ_t · z_t,                              z_t = a·z_{t−1} + √(1−a²)·η_t
    σ_t = σ_day / √390 · u(m/M) · exp(v_s + w_t − E)  a = 2^(−1 / half-life)

and between sessions by the gap g·ε − g²/2. z starts every session from N(0, 1). u is a U-shaped
profile over the session (mean square 1), v_s an AR(1) over sessions and w_t an AR(1) over minutes:
volatility clusters by day and by hour. E = sd_v² + sd_w² makes the mean variance σ_day² / 390.
z, v, w and ε are independent, so with κ = 0 the price exp(x) is a martingale exactly (the −σ²/2
is what makes it the price, not its logarithm), up to the rounding to the tick. With κ ≠ 0 the
expected log return of minute t is μ_t − σ_t²/2, and z can be guessed from past returns alone.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

FULL_SESSION = 390  # minutes from 09:30 to 16:00
STEPS = 6  # K, small steps a minute: enough for highs and lows of their own
SD_DAY_VOLATILITY, PHI_DAY = 0.25, 0.9
SD_MINUTE_VOLATILITY, MINUTE_HALF_LIFE = 0.25, 60.0

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PathModel:
    """The parameters of one symbol's path.

    Attributes:
        start: price before the first session, in currency.
        edge: κ, the drift's standard deviation in units of σ_t; 0 gives a martingale.
        half_life: of the drift state z, in minutes.
        daily_volatility: σ_day, standard deviation of a full session's log return.
        gap_volatility: g, standard deviation of the log return between sessions.
        volume: mean volume a minute, in units of the instrument.
    """

    start: float
    edge: float = 0.0
    half_life: float = 90.0
    daily_volatility: float = 0.016
    gap_volatility: float = 0.006
    volume: float = 4000.0


def simulate(
    model: PathModel, sessions: pd.DataFrame, rng: np.random.Generator, tick: float = 0.01
) -> pd.DataFrame:
    """Return every one-minute bar of the scheduled sessions.

    Args:
        model: the symbol's parameters.
        sessions: `session`, `session_open`, `session_close` (UTC), ascending.
        rng: the only source of randomness.
        tick: prices are rounded to multiples of it, in currency.

    Returns:
        One row a minute: `session`, `open_time` (UTC), open, high, low, close (currency), volume
        (whole units), trades (count), and what a trader cannot see: `sigma` (σ_t), `drift` (μ_t).
    """
    length = session_minutes(sessions)
    minute = np.arange(FULL_SESSION)
    inside = minute < length[:, None]
    sigma, activity = _volatility(model, length, rng)
    drift = model.edge * sigma * _ar1(inside.shape, model.half_life, rng)
    prices = _prices(model, sigma, drift, inside, rng)
    prices = np.round(np.maximum(np.round(prices / tick), 1.0) * tick, 8)
    volume = model.volume * activity * rng.lognormal(-0.125, 0.5, inside.shape)
    volume = np.maximum(np.round(volume[inside]), 1.0)
    first = sessions["session_open"].dt.tz_convert(None).to_numpy("datetime64[us]")
    opened = first[:, None] + minute * np.timedelta64(60, "s")
    return pd.DataFrame(
        {
            "session": np.repeat(sessions["session"].to_numpy(), length),
            "open_time": pd.DatetimeIndex(opened[inside]).tz_localize("UTC"),
            "open": prices[:, 0],
            "high": prices.max(axis=1),
            "low": prices.min(axis=1),
            "close": prices[:, -1],
            "volume": volume,
            "trades": np.maximum(np.round(volume / 80.0), 1.0).astype(np.int64),
            "sigma": sigma[inside],
            "drift": drift[inside],
        }
    )


def session_minutes(sessions: pd.DataFrame) -> NDArray[np.int64]:
    """Return the scheduled minutes of each session: 390, or fewer on a half-day."""
    length = (sessions["session_close"] - sessions["session_open"]).dt.total_seconds()
    return np.asarray(length / 60, dtype=np.int64)


def _prices(
    model: PathModel,
    sigma: Floats,
    drift: Floats,
    inside: NDArray[np.bool_],
    rng: np.random.Generator,
) -> Floats:
    """Return the prices after each small step, (minutes, K), before rounding."""
    noise = rng.standard_normal((*inside.shape, STEPS))
    moves = ((drift - sigma**2 / 2) / STEPS)[..., None] + (sigma / np.sqrt(STEPS))[
        ..., None
    ] * noise
    gap = model.gap_volatility
    moves[:, 0, 0] += gap * rng.standard_normal(len(inside)) - gap**2 / 2
    steps = moves[inside]
    return model.start * np.exp(np.cumsum(steps).reshape(steps.shape))


def _volatility(
    model: PathModel, length: NDArray[np.int64], rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return σ_t and the activity that drives volume (mean about 1), each (sessions, 390)."""
    shape = (len(length), FULL_SESSION)
    profile = _u_shape((np.arange(FULL_SESSION) + 0.5) / length[:, None])
    day = np.empty(len(length))
    shock = rng.standard_normal(len(length))
    day[0] = shock[0]
    for s in range(1, len(length)):
        day[s] = PHI_DAY * day[s - 1] + np.sqrt(1 - PHI_DAY**2) * shock[s]
    log = SD_DAY_VOLATILITY * day[:, None]
    log = log + SD_MINUTE_VOLATILITY * _ar1(shape, MINUTE_HALF_LIFE, rng)
    level = np.exp(log - SD_DAY_VOLATILITY**2 - SD_MINUTE_VOLATILITY**2)
    sigma = model.daily_volatility / np.sqrt(FULL_SESSION) * profile * level
    return sigma, profile**1.5 * level


def _u_shape(share: Floats) -> Floats:
    """Return the profile u at `share` of the session in [0, 1]: high at the open and the close."""
    grid = (np.arange(FULL_SESSION) + 0.5) / FULL_SESSION

    def raw(x: Floats) -> Floats:
        return 0.75 + 0.9 * np.exp(-8 * x) + 0.45 * np.exp(-8 * (1 - x))

    return np.asarray(raw(np.minimum(share, 1.0)) / np.sqrt(np.mean(raw(grid) ** 2)))


def _ar1(shape: tuple[int, ...], half_life: float, rng: np.random.Generator) -> Floats:
    """Return unit-variance AR(1) rows, (sessions, minutes), each started afresh from N(0, 1)."""
    a = 2.0 ** (-1.0 / half_life)
    state = rng.standard_normal(shape)
    state[:, 1:] *= np.sqrt(1 - a**2)
    for m in range(1, shape[1]):
        state[:, m] += a * state[:, m - 1]
    return state
