"""The engine's passes over many columns, against vectorbt and backtesting.py.

300 000 one-minute bars (a made-up random walk, seed 0), ten moving-average crossovers at once, each
sized by a volatility target, with half-spread, fee and slippage. Three workloads: `held` trades
where an average crosses, `hourly` rebalances every 60 bars, `every bar` at each. The engine keeps
everything: equity, books and fills. vectorbt's from_orders is given the very orders (targets
decided at a close, valued with it, filled at the next open, the costs as one proportional fee);
that the equities agree is printed. from_signals is given the crossings as entries. backtesting.py
trades one column of whole units on the first 50 000 bars.

One core, one run; processor seconds of the fastest of three runs after a first one, in which
compiled code is loaded or made; that one is printed beside it. Goals: 3 x the speed of
from_signals, 7 x that of from_orders.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fints_pipeline.base.errors import KeyNotFoundError
from fints_pipeline.walkforward.columns import Columns
from fints_pipeline.walkforward.costs import CostModel
from fints_pipeline.walkforward.engine import Passes, simulate, simulate_columns
from fints_pipeline.walkforward.ledger import Account, Targets
from fints_pipeline.walkforward.market import Market

PROJECT = Path(__file__).resolve().parent.parent
PEER = PROJECT / ".venv-peers" / "bin" / "python"
ROWS, SHORT = 300_000, 50_000
SLOW = (60, 90, 120, 180, 240, 360, 480, 720, 960, 1440)
DAY = 1440
COSTS = CostModel(half_spread_bps=0.5, fee_bps=1.0, slippage_bps=0.5)
FEE = 2e-4
CAPITAL = 100_000.0


def made_up_market() -> Market:
    """One symbol without gaps."""
    rng = np.random.default_rng(0)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 5e-4, (ROWS, 1)), axis=0))
    open_ = np.vstack([[[100.0]], close[:-1]]) * np.exp(rng.normal(0, 5e-5, (ROWS, 1)))
    minutes = np.datetime64("2023-01-02", "us") + np.arange(ROWS) * np.timedelta64(1, "m")
    ones = np.ones((ROWS, 1))
    return Market(
        ("made.UP",), minutes, minutes + np.timedelta64(1, "m"), open_, close,
        np.ones((ROWS, 1), bool), ones, ones, ones,
    )  # fmt: skip


def workloads(close: np.ndarray) -> dict[str, np.ndarray]:
    """Targets (T, K) of each workload: the side of a crossover times a volatility target."""
    price = pd.Series(close)
    deviation = price.pct_change().rolling(DAY).std() * np.sqrt(DAY * 365)
    size = np.minimum(0.2 / deviation, 0.9).to_numpy()
    fast = price.rolling(20).mean()
    side = np.column_stack([np.sign(fast - price.rolling(slow).mean()) for slow in SLOW])
    every = np.where(np.isnan(side), np.nan, side * size[:, None])
    turned = np.vstack([np.ones((1, len(SLOW)), bool), side[1:] != side[:-1]])
    hourly = (np.arange(len(close)) % 60 == 0)[:, None]
    return {
        "held": np.where(turned, every, np.nan),
        "hourly": np.where(hourly, every, np.nan),
        "every bar": every,
    }


def timed(run: Callable[[], Any], times: int = 3) -> tuple[float, float, Any]:
    """Processor seconds of the first run and of the fastest after it, and the last result."""
    spent = []
    for _ in range(times + 1):
        started = time.process_time()
        result = run()
        spent.append(time.process_time() - started)
    return spent[0], min(spent[1:]), result


def whole_units(targets: np.ndarray, close: np.ndarray) -> np.ndarray:
    """(T,) units of one column, rounded to whole ones, carried forward."""
    units = pd.Series(np.round(targets * CAPITAL / close)).ffill().fillna(0.0)
    return units.to_numpy()


def main() -> None:
    """Print a row for each workload and peer."""
    print(__doc__)
    if not PEER.exists():
        raise KeyNotFoundError("no environment of peers", where=str(PEER), fix="make peers")
    market, account, rates = made_up_market(), Account(CAPITAL), COSTS.rates(1)
    close = market.close[:, 0]
    loads = workloads(close)
    units = whole_units(loads["held"][:, 0], close)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "given.npz"
        given: dict[str, Any] = {"open": market.open[:, 0], "close": close, "units": units}
        np.savez(path, **given | loads)
        script = PROJECT / "benchmarks" / "peers" / "backtests.py"
        command = [str(PEER), str(script), str(path), str(FEE), str(SHORT)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
    theirs = json.loads(done.stdout)
    rows = []
    for name, targets in loads.items():

        def run(targets: np.ndarray = targets) -> Passes:
            columns = Columns.of(account, len(SLOW))
            wanted = Targets.of(targets[:, None, :])
            return simulate_columns(market, wanted, rates, account, columns, keep=True)

        first, fastest, passes = timed(run)
        other = theirs[name]
        apart = np.abs(passes.equity[-1] / np.array(other["equity"]) - 1).max()
        rows.append(_row(name, "from_orders", fastest, first, other, int(passes.fills.size), apart))
        if name == "held":
            signals = theirs["signals"]
            rows.append(_row(name, "from_signals", fastest, first, signals, int(passes.fills.size)))
    print(pd.DataFrame(rows).to_string(index=False))
    _one_column(market, units, theirs["backtesting"])


def _row(
    name: str, peer: str, ours: float, first: float, other: dict[str, Any], fills: int,
    apart: float = float("nan"),
) -> dict[str, Any]:  # fmt: skip
    return {
        "workload": name, "against": peer, "fills": fills, "its fills": other["fills"],
        "ours ms": round(ours * 1e3, 1), "its ms": round(other["orders"] * 1e3, 1),
        "with equity ms": round(other["with equity"] * 1e3, 1),
        "times faster": round(other["orders"] / ours, 1),
        "with equity": round(other["with equity"] / ours, 1),
        "equities apart": f"{apart:.0e}",
        "first run s": f"{first:.2f} / {other['first']:.2f}",
    }  # fmt: skip


def _one_column(market: Market, units: np.ndarray, other: dict[str, float]) -> None:
    rows = np.arange(market.rows) < SHORT
    short = market.rows_where(rows)
    fraction = units[rows, None] * short.close / CAPITAL
    fraction[0] = np.nan  # backtesting.py takes no order at the first bar
    account, rates = Account(CAPITAL, compound=False), COSTS.rates(1)
    _, fastest, ledger = timed(lambda: simulate(short, Targets.of(fraction), rates, account))
    apart = abs(ledger.equity[-1] / other["equity"] - 1)
    print(
        f"\nbacktesting.py, {SHORT} bars x 1: {other['seconds']:.2f} s,"
        f" ours {fastest * 1e3:.1f} ms: {other['seconds'] / fastest:.0f} times faster;"
        f" equities apart {apart:.0e}"
    )
