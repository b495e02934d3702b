"""What the synthetic market's edge is worth to rules that know it, over 20 seeds.

Annualised Sharpe of session P&L on 5-minute bars: decided at a bar's close, filled at the next
bar's open, flat overnight; net of 1 bp of the traded value a side. `hidden state` reads the drift
that no trader sees, an upper bound. `momentum` sees past closes alone: the exponentially weighted
mean of volatility-scaled 5-minute returns since the session's open (half-life 9 bars), long or
short by its sign; `band` changes its mind only beyond ±0.1.
"""

import numpy as np
import pandas as pd

from fints_pipeline.data.synthetic import (
    EDGE_SYMBOL,
    FIRST_MONTH,
    LAST_MONTH,
    scheduled_sessions,
    simulate_market,
)

SEEDS = range(20)
COST = 1e-4  # of the traded value, a side
HALF_LIFE, BAND = 9, 0.1


def five_minute_bars(path: pd.DataFrame) -> pd.DataFrame:
    """Return 5-minute bars with the bar's mean hidden drift in units of its volatility."""
    slot = path.groupby("session").cumcount() // 5
    hidden = path["drift"] / path["sigma"]
    grouped = path.assign(slot=slot, hidden=hidden).groupby(["session", "slot"])
    bars = grouped.agg(open=("open", "first"), close=("close", "last"), hidden=("hidden", "mean"))
    return bars.reset_index()


def momentum(bars: pd.DataFrame) -> pd.Series:
    """Return the causal momentum score of each bar, known at its close."""
    returns = pd.Series(np.log(bars["close"] / bars["open"]), index=bars.index)
    scaled = returns / returns.pow(2).ewm(halflife=78).mean().pow(0.5)
    score = scaled.groupby(bars["session"]).ewm(halflife=HALF_LIFE, adjust=False).mean()
    return pd.Series(score.reset_index(level=0, drop=True))


def positions(bars: pd.DataFrame, score: pd.Series, band: float = 0.0) -> pd.Series:
    """Return the position held over each bar: the last clear sign before it, flat overnight."""
    sign = np.sign(score).where(score.abs() > band)
    held = sign.groupby(bars["session"]).ffill()
    return pd.Series(held.groupby(bars["session"]).shift(1).fillna(0.0))


def sharpe(bars: pd.DataFrame, position: pd.Series, cost: float) -> float:
    """Return the annualised Sharpe ratio of the sessions' P&L."""
    session = bars["session"]
    until = bars["open"].groupby(session).shift(-1).fillna(bars["close"])
    before = position.groupby(session).shift(1).fillna(0.0)
    after_close = position.where(session != session.shift(-1), 0.0).abs()
    traded = (position - before).abs() + after_close
    pnl = position * (until / bars["open"] - 1) - cost * traded
    daily = pnl.groupby(session).sum()
    spread = daily.std()
    return float(daily.mean() / spread * np.sqrt(252)) if spread > 0 else 0.0


def measure(seed: int) -> list[dict[str, object]]:
    """Return one row for each symbol and rule of one seed's market."""
    rows: list[dict[str, object]] = []
    sessions = scheduled_sessions(FIRST_MONTH, LAST_MONTH)
    for symbol, path in simulate_market(sessions, seed).items():
        bars = five_minute_bars(path)
        rules = {
            "momentum": positions(bars, momentum(bars)),
            "momentum, band": positions(bars, momentum(bars), BAND),
        }
        if symbol == EDGE_SYMBOL:
            rules["hidden state"] = positions(bars, bars["hidden"])
        for rule, position in rules.items():
            gross, net = sharpe(bars, position, 0.0), sharpe(bars, position, COST)
            rows.append({"symbol": symbol, "rule": rule, "gross": gross, "net": net})
    return rows


def main() -> None:
    """Print the mean and the standard deviation over the seeds."""
    table = pd.DataFrame([row for seed in SEEDS for row in measure(seed)])
    print(__doc__)
    print(table.groupby(["symbol", "rule"]).agg(["mean", "std"]).round(2).to_string())
