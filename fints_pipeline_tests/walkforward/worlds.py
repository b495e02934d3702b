"""Random small markets with gaps, filled bars and splits, for the kernel's tests."""

import numpy as np
from hypothesis import strategies as st

from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.market import Market


def market_of(open_, close, *, tradable=None, split=None, fx=None, minutes: int = 5) -> Market:
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
    return market_of(open_, close, tradable=~missing & ~filled, split=split, fx=fx)


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
