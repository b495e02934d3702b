"""Random small markets with gaps, filled bars, splits and dividends, for the kernel's tests."""

from typing import Any

import numpy as np
from hypothesis import strategies as st

from fints_pipeline.walkforward.costs import CostModel, Liquidity
from fints_pipeline.walkforward.ledger import Account
from fints_pipeline.walkforward.limits import Limits, Stops
from fints_pipeline.walkforward.market import Market


def market_of(
    open_, close, *, tradable=None, split=None, fx=None, high=None, low=None, dividend=None,
    minutes: int = 5,
) -> Market:  # fmt: skip
    """A market from nested lists; (T, S), bars back to back from 2023-01-02."""
    open_ = np.asarray(open_, float)
    close = np.asarray(close, float)
    rows, symbols = close.shape
    start = np.datetime64("2023-01-02T00:00", "us")
    open_time = start + np.arange(rows) * np.timedelta64(minutes, "m")
    ones = np.ones(close.shape)
    return Market(
        symbols=tuple(f"test.S{i}" for i in range(symbols)),
        open_time=open_time,
        close_time=open_time + np.timedelta64(minutes, "m"),
        open=open_,
        close=close,
        tradable=np.isfinite(close) if tradable is None else np.asarray(tradable, bool),
        split_factor=ones if split is None else np.asarray(split, float),
        fx_open=ones if fx is None else np.asarray(fx, float),
        fx_close=ones if fx is None else np.asarray(fx, float),
        high=None if high is None else np.asarray(high, float),
        low=None if low is None else np.asarray(low, float),
        dividend=None if dividend is None else np.asarray(dividend, float),
    )


@st.composite
def markets(draw: st.DrawFn, with_fx: bool = False) -> Market:
    rows = draw(st.integers(2, 40))
    symbols = draw(st.integers(1, 3))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = (rows, symbols)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, shape), axis=0))
    open_ = close * np.exp(rng.normal(0, 0.002, shape))
    split = np.cumprod(np.where(rng.random(shape) < 0.05, 2.0, 1.0), axis=0)
    open_, close = open_ / split, close / split
    missing = rng.random(shape) < 0.1
    filled = rng.random(shape) < 0.1
    open_[missing] = close[missing] = np.nan
    fx = None
    if with_fx:
        fx = np.exp(np.cumsum(rng.normal(0, 0.01, shape), axis=0))
        fx[: rows // 4] = np.nan  # no rate is known yet, so nothing fills
        filled[: rows // 4] = True
    high = np.maximum(open_, close) * np.exp(np.abs(rng.normal(0, 0.005, shape)))
    low = np.minimum(open_, close) * np.exp(-np.abs(rng.normal(0, 0.005, shape)))
    dividend = np.where(rng.random(shape) < 0.1, close * 0.01, 0.0)
    minutes = draw(st.sampled_from([5, 1440]))
    return market_of(
        open_, close, tradable=~missing & ~filled, split=split, fx=fx, high=high, low=low,
        dividend=dividend if draw(st.booleans()) else None, minutes=minutes,
    )  # fmt: skip


@st.composite
def targets_for(draw: st.DrawFn, market: Market, leverage: float = 1.0) -> np.ndarray:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    fraction = rng.choice([-1.0, -0.5, 0.0, 0.3, 1.0], market.close.shape) * leverage
    fraction[rng.random(fraction.shape) < draw(st.sampled_from([0.0, 0.5, 0.9]))] = np.nan
    return fraction


cost_models = st.builds(
    CostModel,
    half_spread_bps=st.floats(0, 10),
    half_spread_ticks=st.floats(0, 2),
    tick_size=st.just(0.01),
    fee_bps=st.floats(0, 10),
    slippage_bps=st.floats(0, 10),
)
holding_costs = st.builds(
    CostModel,
    fee_bps=st.floats(0, 10),
    borrow_rate=st.floats(0, 0.5),
    funding_long=st.floats(-0.2, 0.5),
    funding_short=st.floats(-0.2, 0.5),
)


def _perhaps(low: float, high: float) -> st.SearchStrategy[float | None]:
    return st.none() | st.floats(low, high)


@st.composite
def accounts(draw: st.DrawFn, capital: float, limited: bool = True) -> Account:
    """Any account: bands, limits, margins, participation and stops, each perhaps."""
    first = draw(_perhaps(0.05, 1.0)) if limited else None
    limits: dict[str, Any] = {}
    if limited:
        limits = {
            "gross": draw(_perhaps(0.1, 40)),
            "net": draw(_perhaps(0, 2)),
            "name": draw(_perhaps(0.1, 30)),
            "leverage": draw(_perhaps(0.2, 40)),
            "initial_margin": first,
            "maintenance_margin": draw(st.none() | st.just(0.9 * (first or 0.5))),
            "participation": draw(_perhaps(0.01, 1)),
            "remainder": draw(st.sampled_from(["wait", "cancel"])),
        }
    stops = Stops(
        stop_loss=draw(_perhaps(0.001, 0.05)),
        take_profit=draw(_perhaps(0.001, 0.05)),
        trailing=draw(_perhaps(0.001, 0.05)),
        reentry=draw(st.sampled_from(["next_decision", "new_signal"])),
    )
    band, compound = draw(st.sampled_from([0.0, 0.2])), draw(st.booleans())
    return Account(capital, band, compound, Limits(**limits), stops)


@st.composite
def liquidity_of(draw: st.DrawFn, market: Market) -> Liquidity:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = market.close.shape
    available = rng.uniform(0, 300, shape)
    available[rng.random(shape) < 0.1] = np.nan
    available[rng.random(shape) < 0.1] = 0.0
    return Liquidity(
        slippage=rng.uniform(0, 0.001, shape) if draw(st.booleans()) else None,
        impact=rng.uniform(0, 0.0005, shape) if draw(st.booleans()) else None,
        available=available if draw(st.booleans()) else None,
    )
